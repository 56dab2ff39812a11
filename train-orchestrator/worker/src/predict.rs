//! `driveloop-worker predict`.

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

/// Predicts the inputs of a file.
pub(crate) fn run(args: &PredictArgs) -> anyhow::Result<()> {
    numerics::fix(CpuKernels::Portable)?;
    let device = device::resolve(&args.common.device)?;
    tch::set_num_threads(Params::default().threads);
    let model = Forecaster::read(&args.weights, device)?;
    let inputs = Source::open_inputs(&args.inputs)?;
    Metrics::open(args.common.metrics.as_deref())?.write(&Line::Start {
        step: 0,
        device: device::name(device),
        train: 0,
        validation: 0,
        inputs: inputs.len(),
        weights: model.weight_count(),
    })?;
    write(&model, &inputs, &args.predictions_out)
}

/// Writes the predictions: `input_id`, `x_m`, `y_m` in the frame of the actor, in the order of the inputs.
fn write(model: &Forecaster, inputs: &Source, path: &Path) -> anyhow::Result<()> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("input_id", String::data_type(), false),
        Field::new("x_m", Vec::<f64>::data_type(), false),
        Field::new("y_m", Vec::<f64>::data_type(), false),
    ]));
    write_atomically(path, |partial| {
        let mut writer = FileWriter::try_new(BufWriter::new(File::create(partial)?), &schema)?;
        for block in Prefetch::spawn(BLOCKS_AHEAD, inputs.blocks()?)? {
            let block = block?;
            let [x_m, y_m] = predict(model, &block)?;
            let columns = vec![
                String::array(block.ids.iter()),
                Vec::<f64>::array(x_m.iter()),
                Vec::<f64>::array(y_m.iter()),
            ];
            writer.write(&RecordBatch::try_new(schema.clone(), columns)?)?;
        }
        Ok(writer.finish()?)
    })
}

/// Positions of the samples of a block in the frame of their actors: for each axis, for each sample, for each step.
fn predict(model: &Forecaster, block: &SampleBlock) -> anyhow::Result<[Vec<Vec<f64>>; 2]> {
    let (batch, samples) = (block.rows.batch(), block.rows.len());
    let mut axes = [Vec::with_capacity(samples), Vec::with_capacity(samples)];
    for start in (0..samples).step_by(PREDICTION_BATCH) {
        let batch = batch.narrow(start, PREDICTION_BATCH.min(samples - start));
        let batch = batch.to_device(model.device());
        let predicted = tch::no_grad(|| model.forward(&batch))
            .to_device(Device::Cpu)
            .to_kind(Kind::Double);
        let values = Vec::<f64>::try_from(predicted.contiguous().view([-1]))?;
        for path in values.chunks_exact(HORIZON_STEPS * 2) {
            for (axis, column) in axes.iter_mut().enumerate() {
                column.push(path.chunks_exact(2).map(|point| point[axis]).collect());
            }
        }
    }
    Ok(axes)
}
