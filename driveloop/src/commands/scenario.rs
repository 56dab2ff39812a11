//! `driveloop scenario`: the catalogue.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use driveloop_scenario_mining::Catalogue;

use crate::Exit;
use crate::context::Context;
use crate::render;
use crate::sheet::Sheet;

/// Where scenarios come from.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct CatalogueArgs {
    /// A folder of `.sql` files that add to the catalogue.
    #[arg(long, value_name = "FOLDER")]
    catalogue: Option<PathBuf>,
}

/// What to look at.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the scenarios.
    List {
        #[command(flatten)]
        catalogue: CatalogueArgs,
    },
    /// Print a scenario: header, parameters with units and defaults, query.
    Show {
        /// The scenario.
        name: String,
        #[command(flatten)]
        catalogue: CatalogueArgs,
    },
}

pub(crate) fn run(context: &Context, verb: &Verb) -> Result<Exit> {
    match verb {
        Verb::List { catalogue: args } => {
            let mut sheet = Sheet::new(&[
                "scenario",
                "version",
                "severity",
                "roles",
                "score",
                "description",
            ]);
            for scenario in catalogue(args)?.iter() {
                sheet.row([
                    scenario.name.as_str().into(),
                    i64::from(scenario.version).into(),
                    scenario.severity.as_str().into(),
                    scenario.roles.join(", ").into(),
                    scenario.score.as_str().into(),
                    scenario.description.as_str().into(),
                ]);
            }
            render::sheet(context.format, sheet)?;
        }
        Verb::Show {
            name,
            catalogue: args,
        } => {
            use std::io::Write as _;
            std::io::stdout().write_all(catalogue(args)?.get(name)?.text.as_bytes())?;
        }
    }
    Ok(Exit::Done)
}

/// The built-in catalogue with a user's folder.
pub(crate) fn catalogue(args: &CatalogueArgs) -> Result<Catalogue> {
    let builtin = Catalogue::builtin()?;
    Ok(match &args.catalogue {
        Some(folder) => builtin.with_folder(folder)?,
        None => builtin,
    })
}
