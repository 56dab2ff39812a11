//! The journal of a run, and the state that its entries make.

use driveloop_lake::{Journal, Lake};

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::event::{Event, EventKind};
use crate::spec::JobSpec;
use crate::state::{Policy, State};

/// How often an entry is tried again, because somebody else wrote one first.
const ATTEMPTS_MAX: usize = 16;
/// What the journals of runs begin with.
const PREFIX: &str = "train-";

/// A run as its journal has it.
pub(crate) struct Record {
    pub(crate) run_id: String,
    pub(crate) state: State,
    /// Name of the job, as submitted.
    pub(crate) name: String,
    /// The specification, as submitted.
    pub(crate) spec: Option<Box<JobSpec>>,
    /// The dataset, as submitted.
    pub(crate) dataset_digest: String,
    /// Time of the last entry, by the clock of who wrote it.
    pub(crate) last_ns: i64,
    journal: Journal,
    clock: Clock,
    /// What this process calls itself, once it drives the run.
    token: Option<String>,
}

impl Record {
    /// Reads the journal of a run; one that does not exist is empty.
    pub(crate) async fn open(
        lake: &Lake,
        run_id: &str,
        policy: Policy,
        clock: Clock,
    ) -> Result<Self> {
        let mut record = Self {
            run_id: run_id.to_owned(),
            state: State::new(policy),
            name: String::new(),
            spec: None,
            dataset_digest: String::new(),
            last_ns: i64::MIN,
            journal: Journal::from_start(lake, &format!("{PREFIX}{run_id}")),
            clock,
            token: None,
        };
        record.refresh().await?;
        Ok(record)
    }

    /// The runs that have a journal.
    pub(crate) async fn run_ids(lake: &Lake) -> Result<Vec<String>> {
        let names = Journal::names(lake).await?;
        let run_id = |name: &String| name.strip_prefix(PREFIX).map(str::to_owned);
        Ok(names.iter().filter_map(run_id).collect())
    }

    /// Reads what others have written. Must be waited for to its end.
    ///
    /// # Errors
    /// [`Error::Busy`] where another orchestrator took over a run that this process drives.
    pub(crate) async fn refresh(&mut self) -> Result<()> {
        for event in self.journal.news::<Event>().await? {
            self.apply(event)?;
        }
        match (&self.token, &self.state.owner) {
            (Some(token), Some(owner)) if *token != owner.token => Err(Error::Busy {
                job: self.name.clone(),
                by: owner.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Writes what happened; what follows from it may only be done after that. `None` where somebody wrote something after
    /// which it cannot happen any more.
    ///
    /// # Errors
    /// As [`Record::refresh`].
    pub(crate) async fn note(&mut self, kind: EventKind) -> Result<Option<Event>> {
        for attempt in 0..ATTEMPTS_MAX {
            match self.try_note(kind.clone()).await {
                Ok(None) => {}
                Err(Error::JournalOrder { .. }) if attempt > 0 => return Ok(None),
                noted => return noted,
            }
        }
        Err(Error::Lake(driveloop_lake::Error::Conflict {
            table: format!("{PREFIX}{}", self.run_id),
            attempts: ATTEMPTS_MAX,
        }))
    }

    /// Writes what happened if nobody wrote anything since the last look; otherwise reads what they wrote.
    pub(crate) async fn try_note(&mut self, kind: EventKind) -> Result<Option<Event>> {
        let at = self.clock.moment();
        let event = Event { at, kind };
        self.state.clone().after(&event)?;
        match self.journal.append(&event).await {
            Ok(_) => {
                self.apply(event.clone())?;
                Ok(Some(event))
            }
            Err(driveloop_lake::Error::JournalTaken { .. }) => {
                self.refresh().await?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Time from submission to now, nanoseconds.
    pub(crate) fn elapsed_ns(&self) -> i64 {
        self.state.elapsed_at(&self.clock.moment())
    }

    /// From now on, another owner is an error.
    pub(crate) fn drive_as(&mut self, token: &str) {
        self.token = Some(token.to_owned());
    }

    fn apply(&mut self, event: Event) -> Result<()> {
        self.state = self.state.clone().after(&event)?;
        self.last_ns = event.at.at_ns;
        if let EventKind::Submitted {
            name,
            dataset_digest,
            spec,
            ..
        } = event.kind
        {
            self.name = name;
            self.dataset_digest = dataset_digest;
            self.spec = spec;
        }
        Ok(())
    }
}
