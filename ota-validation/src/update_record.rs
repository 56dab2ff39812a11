//! What UN Regulation No. 156 asks to be recorded of an update, from a small file.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::evidence::Artifact;
use crate::verdict::Decision;

/// What UN Regulation No. 156 (software update management), paragraph 7.1.2, asks the manufacturer to record of each
/// update. Null where it is not known to this program; a release file fills it in ([`UpdateRecord::from_toml`]).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateRecord {
    /// 7.1.2.2: configuration of the affected systems before the update. The baseline, where the file says nothing.
    pub configuration_before: Option<String>,
    /// 7.1.2.2: configuration after it. The candidate, where the file says nothing.
    pub configuration_after: Option<String>,
    /// 7.1.2.3: RXSWIN that the software belongs to.
    pub rxswin: Option<String>,
    /// 7.1.2.4: vehicles that the update is for.
    pub target_vehicles: Option<String>,
    /// 7.1.2.4: confirmation that it fits their last known configuration.
    pub compatibility: Option<String>,
    /// 7.1.2.5 (a): purpose of the update.
    pub purpose: Option<String>,
    /// 7.1.2.5 (b): systems or functions that it may affect.
    pub affected_systems: Option<String>,
    /// 7.1.2.5 (c) to (f): which of them are type-approved, and what the update means for that.
    pub type_approval: Option<String>,
    /// 7.1.2.5: other systems that the update depends on, or that depend on it.
    pub interdependencies: Option<String>,
    /// 7.1.2.5 (g): how, and under which conditions, the update may be executed.
    pub preconditions: Option<String>,
    /// 7.1.2.5 (h): confirmation that it will be conducted safely and securely.
    pub safe_execution: Option<String>,
    /// 7.1.2.5 (i): outcome of verification and validation. Filled in by the gate alone.
    #[serde(skip_deserializing)]
    pub verification_and_validation: Option<String>,
}

impl UpdateRecord {
    /// An example of a release file with every field and what it is for.
    pub const EXAMPLE_TOML: &'static str = include_str!("../rules/release.toml");

    /// Reads a release file. An empty text counts as absent.
    ///
    /// # Errors
    /// When it is no TOML, or has an unknown field; the outcome of the validation is one.
    pub fn from_toml(text: &str) -> Result<Self> {
        let mut record: Self = toml::from_str(text).map_err(|source| Error::Syntax {
            file: "release",
            source: Box::new(source),
        })?;
        for (_, value) in record.fields_mut() {
            let text = value.take().map(|text| text.trim().to_owned());
            *value = text.filter(|text| !text.is_empty());
        }
        Ok(record)
    }

    /// The fields with their names, in the order of the regulation.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, Option<String>)> {
        let mut record = self.clone();
        let fields = record.fields_mut().into_iter();
        fields.map(|(name, value)| (name, value.clone())).collect()
    }

    /// The names of the fields that nobody filled in.
    #[must_use]
    pub fn absent(&self) -> Vec<&'static str> {
        let absent = self
            .fields()
            .into_iter()
            .filter(|(_, value)| value.is_none());
        absent.map(|(name, _)| name).collect()
    }

    /// The record with what the gate knows: the outcome, and the two configurations where the file does not name them.
    pub(crate) fn with_outcome(
        &self,
        decision: Decision,
        rules_digest: &str,
        baseline: &Artifact,
        candidate: &Artifact,
    ) -> Self {
        let decision = decision.as_str();
        let outcome = format!("{decision} by the release gate, rules SHA-256 {rules_digest}");
        let mut record = self.clone();
        record
            .configuration_before
            .get_or_insert(configuration(baseline));
        record
            .configuration_after
            .get_or_insert(configuration(candidate));
        record.verification_and_validation = Some(outcome);
        record
    }

    fn fields_mut(&mut self) -> [(&'static str, &mut Option<String>); 12] {
        [
            ("configuration_before", &mut self.configuration_before),
            ("configuration_after", &mut self.configuration_after),
            ("rxswin", &mut self.rxswin),
            ("target_vehicles", &mut self.target_vehicles),
            ("compatibility", &mut self.compatibility),
            ("purpose", &mut self.purpose),
            ("affected_systems", &mut self.affected_systems),
            ("type_approval", &mut self.type_approval),
            ("interdependencies", &mut self.interdependencies),
            ("preconditions", &mut self.preconditions),
            ("safe_execution", &mut self.safe_execution),
            (
                "verification_and_validation",
                &mut self.verification_and_validation,
            ),
        ]
    }
}

fn configuration(artifact: &Artifact) -> String {
    match &artifact.digest {
        Some(digest) => format!("{}, SHA-256 {digest}", artifact.id),
        None => artifact.id.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_said_to_be() {
        let record =
            UpdateRecord::from_toml("purpose = \"fewer late stops\"\nrxswin = \" \"").unwrap();
        let artifact = Artifact {
            id: "m".to_owned(),
            digest: Some("d1".to_owned()),
            ..Artifact::default()
        };
        let record = record.with_outcome(Decision::Pass, "r1", &artifact, &artifact);
        assert_eq!(record.configuration_after.as_deref(), Some("m, SHA-256 d1"));
        let absent = record.absent();
        assert!(absent.contains(&"rxswin") && absent.contains(&"preconditions"));
        assert!(
            !absent.contains(&"purpose") && absent.len() == 8,
            "{absent:?}"
        );
    }

    #[test]
    fn the_example_fills_in_every_field_but_the_outcome() {
        let record = UpdateRecord::from_toml(UpdateRecord::EXAMPLE_TOML).unwrap();
        assert_eq!(record.absent(), ["verification_and_validation"]);
        let outcome = "verification_and_validation = \"PASS\"";
        assert!(
            UpdateRecord::from_toml(outcome).is_err(),
            "the gate alone says that"
        );
    }
}
