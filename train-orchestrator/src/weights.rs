//! The weights of models in the lake: read only together with a comparison of their digest.

use bytes::Bytes;
use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::Checkpoint;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::trainer::Predictor;

/// Bytes of a model's weights at most: they are held in memory, and a trainer that writes without end would fill it.
pub(crate) const WEIGHTS_BYTES_MAX: u64 = 16 << 30;

/// SHA-256, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The model of an id.
///
/// # Errors
/// [`Error::Unknown`] where the lake has none.
pub(crate) async fn model(lake: &Lake, model_id: &str) -> Result<Checkpoint> {
    let found = known_model(lake, model_id).await?;
    found.ok_or_else(|| Error::Unknown {
        what: "model",
        name: model_id.to_owned(),
    })
}

async fn known_model(lake: &Lake, model_id: &str) -> Result<Option<Checkpoint>> {
    let filter = format!("model_id = {}", sql_literal(model_id));
    Ok(lake.read::<Checkpoint>(Some(&filter)).await?.pop())
}

/// The weights of a model, as its training left them.
///
/// # Errors
/// [`Error::Weights`] where they are others.
pub(crate) async fn weights_of(lake: &Lake, model: &Checkpoint) -> Result<Bytes> {
    read_weights(lake, &model.model_id, &model.weights, &model.weights_digest).await
}

/// Reads weights and compares their digest.
pub(crate) async fn read_weights(
    lake: &Lake,
    model_id: &str,
    path: &str,
    digest: &str,
) -> Result<Bytes> {
    let weights = lake.store().get(path).await?;
    let actual = sha256(&weights);
    if actual == digest {
        return Ok(weights);
    }
    Err(Error::Weights {
        model_id: model_id.to_owned(),
        path: path.to_owned(),
        expected: digest.to_owned(),
        actual,
    })
}

/// Whether somebody predicts with a model: the trainer of one may have no predict step.
///
/// # Errors
/// [`Error::NobodyPredicts`] where nobody does, and when the lake fails.
pub async fn check_predicts(lake: &Lake, model_id: &str) -> Result<()> {
    let model = known_model(lake, model_id).await?;
    let predict = model.as_ref().and_then(|model| model.predict.as_deref());
    match Predictor::from_text(predict) {
        Ok(Predictor::Nobody) => Err(Error::NobodyPredicts {
            model_id: model_id.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Whether the weights of a model are still those that its training left. Of what is no model of the lake, such as a built-in
/// baseline, nothing is said.
///
/// # Errors
/// [`Error::Weights`] where they are others, and when the lake fails.
pub async fn check_weights(lake: &Lake, model_id: &str) -> Result<()> {
    match known_model(lake, model_id).await? {
        Some(model) => weights_of(lake, &model).await.map(drop),
        None => Ok(()),
    }
}
