//! The weights of models: there, of their size, and with the digest that the training left.

use driveloop_schemas::{Checkpoint, Row as _};
use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use sha2::{Digest as _, Sha256};

use super::{Problem, Wrong};
use crate::error::{Error, Result};
use crate::lake::Lake;

impl Lake {
    /// Reads the weights of every model, piece by piece.
    pub(super) async fn check_weights(&self, problems: &mut Vec<Problem>) -> Result<()> {
        if self.version(Checkpoint::SPEC.name).await?.is_none() {
            return Ok(());
        }
        let mut models = self.read::<Checkpoint>(None).await?;
        models.sort_by(|a, b| a.model_id.cmp(&b.model_id));
        for model in models {
            let wrong = self.wrong_weights(&model).await?;
            problems.extend(wrong.map(|(wrong, detail)| Problem {
                table: Checkpoint::SPEC.name.to_owned(),
                wrong,
                subject: model.weights.clone(),
                detail: format!("model {}{detail}", model.model_id),
            }));
        }
        Ok(())
    }

    async fn wrong_weights(&self, model: &Checkpoint) -> Result<Option<(Wrong, String)>> {
        let read = |source| Error::storage("read", model.weights.as_str(), source);
        let found = match self
            .store()
            .inner()
            .get(&self.store().path(&model.weights))
            .await
        {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => {
                return Ok(Some((Wrong::WeightsMissing, String::new())));
            }
            Err(source) => return Err(read(source)),
        };
        if i64::try_from(found.meta.size) != Ok(model.weights_bytes) {
            let (expected, actual) = (model.weights_bytes, found.meta.size);
            let detail = format!(": expected {expected} bytes, got {actual}");
            return Ok(Some((Wrong::WeightsSize, detail)));
        }
        let mut hash = Sha256::new();
        let mut pieces = found.into_stream();
        while let Some(piece) = pieces.try_next().await.map_err(read)? {
            hash.update(&piece);
        }
        let actual = hex::encode(hash.finalize());
        if actual == model.weights_digest {
            return Ok(None);
        }
        let detail = format!(": expected {}, got {actual}", model.weights_digest);
        Ok(Some((Wrong::WeightsDigest, detail)))
    }
}
