//! `driveloop status`: training runs and models.

use anyhow::Result;
use driveloop_schemas::{Checkpoint, TrainingRun};

use crate::Exit;
use crate::context::Context;
use crate::render;
use crate::sheet::Sheet;

pub(crate) async fn run(context: &Context) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    let models = lake.read::<Checkpoint>(None).await?;
    let columns = [
        "job",
        "state",
        "model",
        "dataset",
        "attempts",
        "step",
        "validation_loss_m",
        "device",
        "wall_s",
        "productive_s",
        "lost_s",
        "waiting_s",
        "gpu_hours",
        "cpu_hours",
    ];
    let mut sheet = Sheet::new(&columns);
    for run in lake.read::<TrainingRun>(None).await? {
        let model = models.iter().find(|model| model.run_id == run.run_id);
        sheet.row([
            run.name.into(),
            run.state.into(),
            run.model_id.into(),
            run.dataset.into(),
            i64::from(run.attempts).into(),
            model.map(|model| model.step).into(),
            model.and_then(|model| model.validation_loss).into(),
            run.device.into(),
            run.wall_s.into(),
            run.productive_s.into(),
            run.lost_s.into(),
            run.waiting_s.into(),
            run.gpu_hours.into(),
            run.cpu_hours.into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
    Ok(Exit::Done)
}
