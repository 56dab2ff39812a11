//! How an attempt begins: its turn, the weights that it goes on from, its processes.

use std::pin::pin;
use std::time::Duration;

use crate::attempt::attempt;
use crate::driver::{Driver, POLL_EVERY};
use crate::error::{Error, Result};
use crate::event::EventKind;
use crate::executor::Attempt;
use crate::folder::{clear, make_folder};
use crate::gate::{Admission, Grant};
use crate::gpu::GpuWatch;
use crate::options::TrainOptions;
use crate::state::Action;
use crate::sweep::sweep;
use crate::weights::{model, weights_of};

impl<'a> Driver<'a> {
    /// Waits for its time and its slots; `None` where the run is cancelled meanwhile, or cannot go on.
    pub(crate) async fn turn(&mut self, not_before_ns: i64) -> Result<Option<Grant<'a>>> {
        loop {
            let left_ns = not_before_ns.saturating_sub(self.record.elapsed_ns());
            let Ok(left_ns @ 1..) = u64::try_from(left_ns) else {
                break;
            };
            self.gate.idle(self.place);
            self.check_stop()?;
            tokio::time::sleep(Duration::from_nanos(left_ns).min(POLL_EVERY)).await;
            self.record.refresh().await?;
            if self.record.state.next() == Some(Action::Cancel) {
                return Ok(None);
            }
        }
        match self.admission().await? {
            Some(Admission::Granted(grant)) => Ok(Some(grant)),
            Some(Admission::Denied(after)) => {
                self.denied = Some(after);
                let after = self.names[after];
                let reason = format!("job `{after}`, which it comes after, left no model");
                self.fail(reason).await.map(|()| None)
            }
            None => Ok(None),
        }
    }

    /// Starts an attempt when it is its turn. Does nothing where the run is cancelled meanwhile.
    pub(crate) async fn start(&mut self, number: u32, not_before_ns: i64) -> Result<()> {
        let Some(grant) = self.turn(not_before_ns).await? else {
            return Ok(());
        };
        if !self.note(EventKind::Started { attempt: number }).await? {
            return Ok(());
        }
        sweep(self.claim.folder.root()).await?;
        if !self.claim.folder.restore()? {
            return Err(self.busy_folder());
        }
        self.fetch_weights().await?;
        let attempt = attempt(
            self.job,
            self.options,
            &self.claim.folder,
            number,
            &grant.gpus,
        )?;
        self.launch(attempt, grant).await
    }

    /// Starts the processes of an attempt, to be watched from now on.
    pub(crate) async fn launch(&mut self, attempt: Attempt, grant: Grant<'a>) -> Result<()> {
        let TrainOptions {
            limits,
            memory_events,
            clock,
            ..
        } = self.options;
        match attempt.start_within(limits, memory_events.clone(), clock.clone())? {
            Ok(watch) => {
                let gpus = self.watch_gpus(&grant);
                self.running = Some((watch, gpus, grant));
            }
            Err(exit) => {
                let exited = EventKind::Exited {
                    exit,
                    cpu_ns: None,
                    gpu_ns: None,
                };
                self.note(exited).await?;
            }
        }
        Ok(())
    }

    fn watch_gpus(&self, grant: &Grant<'_>) -> GpuWatch {
        let TrainOptions {
            machine,
            nvidia_smi,
            ..
        } = self.options;
        let granted = machine.gpus.iter();
        let granted = granted.filter(|gpu| grant.gpus.contains(&gpu.index));
        let uuids: Vec<_> = granted.map(|gpu| gpu.uuid.as_str()).collect();
        GpuWatch::start(nvidia_smi.as_deref(), &uuids)
    }

    /// Waits for slots; `None` where the run is cancelled meanwhile.
    async fn admission(&mut self) -> Result<Option<Admission<'a>>> {
        let gate = self.gate;
        let mut asking = pin!(gate.ask(self.place, self.record.state.may_make_room()));
        loop {
            tokio::select! {
                admission = &mut asking => return Ok(Some(admission)),
                () = tokio::time::sleep(POLL_EVERY) => {}
            }
            self.check_stop()?;
            self.claim.beat.check(&self.job.spec.name)?;
            self.record.refresh().await?;
            if self.record.state.next() == Some(Action::Cancel) {
                return Ok(None);
            }
        }
    }

    /// Brings the weights of the model that this job starts from, and of the jobs before it, into its folder.
    async fn fetch_weights(&self) -> Result<()> {
        let folder = &self.claim.folder;
        let start = self.job.spec.start_from.clone();
        let start = start.map(|model_id| (folder.weights_at_start(), model_id));
        let before = self.gate.models_before(self.place).into_iter();
        let before = before
            .map(|(earlier, model_id)| (folder.weights_before(self.names[earlier]), model_id));
        for (path, model_id) in start.into_iter().chain(before) {
            let lake = self.collector.lake;
            let weights = weights_of(lake, &model(lake, &model_id).await?).await?;
            let parent = path.parent().unwrap_or(&path);
            make_folder(parent)?;
            // An earlier attempt may have put something else there.
            clear(&path)?;
            std::fs::write(&path, weights).map_err(Error::io(&path))?;
        }
        Ok(())
    }
}
