//! Keeping a lake: fewer files, no files that nobody reads, and whether all is there.

mod bytes;
mod check;
mod lost;
mod optimize;
mod vacuum;
mod weights;

pub use check::{CheckDepth, CheckReport, Problem, TableCheck, Wrong};
pub use optimize::Optimized;
pub use vacuum::{VacuumMode, Vacuumed};

use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::DeltaTable;
use driveloop_schemas::{TABLES, TableSpec};
use object_store::path::Path;

use crate::delta::table_path;
use crate::error::{Error, Result};
use crate::lake::Lake;

/// Requests that are under way at a time.
const REQUESTS_MAX: usize = 16;

impl Lake {
    /// A session over one table as it is stored: nothing hidden, no column added.
    pub(crate) async fn session_over_stored(
        &self,
        table: &DeltaTable,
        name: &str,
    ) -> Result<SessionContext> {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_limit(self.config().limits.sort_bytes_max, 1.0)
            .build_arc()?;
        let config = SessionConfig::new().with_target_partitions(1);
        let context = SessionContext::new_with_config_rt(config, runtime);
        let provider = table.table_provider().build().await?;
        context.register_table(name, Arc::new(provider))?;
        Ok(context)
    }

    /// Where a data file of a table lies in the store.
    fn data_file(&self, table: &str, file: &Path) -> Path {
        let folder = self.store().path(&table_path(table));
        let parts: Vec<_> = folder.parts().chain(file.parts()).collect();
        parts.into_iter().collect()
    }

    fn fail(table: &str) -> impl Fn(deltalake::DeltaTableError) -> Error + '_ {
        move |error| Error::table(table, error)
    }
}

fn spec_of(table: &str) -> Option<&'static TableSpec> {
    TABLES.iter().find(|spec| spec.name == table).copied()
}
