//! `driveloop-worker predict`, and the file that it writes.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;
use driveloop_schemas::ColumnValue;
use driveloop_schemas::forecast::HORIZON_STEPS;
use tch::{Device, Kind};

use crate::args::{Params, PredictArgs};
use crate::files::write_atomically;
use crate::metrics::{Line, Metrics};
use crate::model::Forecaster;
use crate::numerics::CpuKernels;
use crate::prefetch::Prefetch;
use crate::source::{SampleBlock, Source};
use crate::{device, numerics};

/// Samples predicted at once.
const PREDICTION_BATCH: usize = 1024;
/// Blocks of a split that are read ahead.
const BLOCKS_AHEAD: usize = 2;

/// Predicts the validation and test samples of a dataset.
pub(crate) fn run(args: &PredictArgs) -> anyhow::Result<()> {
    numerics::fix(CpuKernels::Portable)?;
    let device = device::resolve(&args.common.device)?;
    tch::set_num_threads(Params::default().threads);
    let model = Forecaster::read(&args.weights, device)?;
    let folder = &args.common.dataset_dir;
    let validation = Source::open(folder, "validation")?;
    let test = Source::open(folder, "test")?;
    Metrics::open(args.common.metrics.as_deref())?.write(&Line::Start {
        step: 0,
        device: device::name(device),
        train: 0,
        validation: validation.len(),
        test: test.len(),
        weights: model.weight_count(),
    })?;
    write(&model, &[&validation, &test], &args.common.predictions_out)
}

/// Writes the predictions of the splits: `sample_id`, `x_m`, `y_m` in the map frame, in the order of the samples.
pub(crate) fn write(model: &Forecaster, splits: &[&Source], path: &Path) -> anyhow::Result<()> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("sample_id", String::data_type(), false),
        Field::new("x_m", Vec::<f64>::data_type(), false),
        Field::new("y_m", Vec::<f64>::data_type(), false),
    ]));
    write_atomically(path, |partial| {
        let mut writer = FileWriter::try_new(BufWriter::new(File::create(partial)?), &schema)?;
        for split in splits {
            for block in Prefetch::spawn(BLOCKS_AHEAD, split.blocks()?)? {
                let block = block?;
                let [x_m, y_m] = predict(model, &block)?;
                let columns = vec![
                    String::array(block.sample_ids.iter()),
                    Vec::<f64>::array(x_m.iter()),
                    Vec::<f64>::array(y_m.iter()),
                ];
                writer.write(&RecordBatch::try_new(schema.clone(), columns)?)?;
            }
        }
        Ok(writer.finish()?)
    })
}

/// Positions of the samples of a block in the map frame: for each axis, for each sample, for each step.
fn predict(model: &Forecaster, block: &SampleBlock) -> anyhow::Result<[Vec<Vec<f64>>; 2]> {
    let (batch, samples) = (block.rows.batch(), block.rows.len());
    let mut axes = [Vec::with_capacity(samples), Vec::with_capacity(samples)];
    let mut poses = block.map_from_actor.iter();
    for start in (0..samples).step_by(PREDICTION_BATCH) {
        let batch = batch.narrow(start, PREDICTION_BATCH.min(samples - start));
        let batch = batch.to_device(model.device());
        let predicted = tch::no_grad(|| model.forward(&batch))
            .to_device(Device::Cpu)
            .to_kind(Kind::Double);
        let values = Vec::<f64>::try_from(predicted.contiguous().view([-1]))?;
        for (path, map_from_actor) in values.chunks_exact(HORIZON_STEPS * 2).zip(&mut poses) {
            let points: Vec<[f64; 3]> = path
                .chunks_exact(2)
                .map(|point| map_from_actor.transform([point[0], point[1], 0.0]))
                .collect();
            for (axis, column) in axes.iter_mut().enumerate() {
                column.push(points.iter().map(|point| point[axis]).collect());
            }
        }
    }
    Ok(axes)
}
