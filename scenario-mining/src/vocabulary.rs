//! The words of SQL here, for completion: tables, columns, functions.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::datasource::empty::EmptyTable;
use driveloop_schemas::TABLES;

use crate::error::{Error, Result};
use crate::functions::docs;
use crate::operators::operator_docs;
use crate::session::session_over;
use crate::sql::functions;

/// The names that a statement can use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// Tables and views with their columns, in order.
    pub tables: BTreeMap<String, Vec<String>>,
    /// The driving functions and operators, in the order of the documentation.
    pub driving_functions: Vec<String>,
    /// The other functions, by name.
    pub functions: Vec<String>,
}

/// The names that a statement can use. No lake is read: they are the same in all.
///
/// # Errors
/// When the query engine refuses a table, which would be a fault of this program.
pub async fn vocabulary() -> Result<Vocabulary> {
    let fail = |source| Error::query("vocabulary", source);
    let empty = TABLES.iter().map(|spec| {
        let table: Arc<dyn TableProvider> = Arc::new(EmptyTable::new(spec.schema()));
        (spec.name.to_owned(), table)
    });
    let context = session_over(empty).await.map_err(fail)?;
    let mut tables = BTreeMap::new();
    for name in context.catalog("driveloop").iter().flat_map(|all| {
        let public = all.schema("public");
        public
            .map(|schema| schema.table_names())
            .unwrap_or_default()
    }) {
        let table = context.table_provider(name.as_str()).await.map_err(fail)?;
        let schema = table.schema();
        let columns = schema.fields().iter().map(|field| field.name().clone());
        tables.insert(name, columns.collect());
    }
    let operators = operator_docs().map(|operator| operator.name);
    let driving = docs().map(|function| function.name).chain(operators);
    let driving: Vec<_> = driving.map(str::to_owned).collect();
    let mut functions = functions(&context);
    functions.retain(|name| !driving.contains(name));
    Ok(Vocabulary {
        tables,
        driving_functions: driving,
        functions,
    })
}
