//! Jobs of several processes.

use driveloop_train_orchestrator::{Error, JobSpec};

use crate::commands::{OUTPUTS, setup};
use crate::setup::{Setup, is_alive, script, until};

/// A job of three processes.
fn gang(text: &str) -> JobSpec {
    let mut spec = script(text);
    spec.processes = 3;
    spec
}

fn read(setup: &Setup, spec: &JobSpec, name: &str) -> String {
    std::fs::read_to_string(setup.folder(spec).join(name)).unwrap_or_default()
}

#[tokio::test]
async fn the_processes_find_each_other_as_under_torchrun() {
    let setup = setup().await;
    // Rank 0 listens where the others are told to call: the rendezvous is a real one.
    let spec = gang(&format!(
        r#"cat > "$DRIVELOOP_JOB_DIR/gang-$RANK.py" <<'END'
import os, socket
rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
assert os.environ["LOCAL_RANK"] == str(rank) and os.environ["LOCAL_WORLD_SIZE"] == str(world)
place = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
if rank == 0:
    server = socket.create_server(place)
    ranks = sorted(server.accept()[0].recv(9).decode() for _ in range(world - 1))
    open(os.path.join(os.environ["DRIVELOOP_JOB_DIR"], "met"), "w").write(" ".join(ranks))
else:
    for _ in range(1000):
        try:
            socket.create_connection(place).sendall(str(rank).encode())
            break
        except ConnectionRefusedError:
            __import__("time").sleep(0.01)
END
        echo "I am $RANK"
        python3 "$DRIVELOOP_JOB_DIR/gang-$RANK.py" || exit 1
        test $RANK = 0 || exit 0
        {OUTPUTS}"#
    ));
    let report = setup.train(&spec).await.unwrap();
    assert_eq!(read(&setup, &spec, "met"), "1 2");
    assert_eq!(read(&setup, &spec, "attempt-1-rank-2.log"), "I am 2\n");
    let busy_h = (report.productive_s + report.lost_s) / 3600.0;
    assert!(
        (report.cpu_hours_reserved.unwrap() - 3.0 * busy_h).abs() < 1e-12,
        "three CPUs are paid for"
    );
}

#[tokio::test]
async fn one_dies_and_all_are_stopped_and_begin_again() {
    let setup = setup().await;
    let spec = gang(&format!(
        r#"echo $$ > "$DRIVELOOP_JOB_DIR/pid-$DRIVELOOP_ATTEMPT-$RANK"
        if [ $DRIVELOOP_ATTEMPT = 1 ]; then
            while [ $(ls "$DRIVELOOP_JOB_DIR" | grep -c pid-1) -lt 3 ]; do sleep 0.01; done
            test $RANK = 1 && kill -9 $$
            sleep 600
        fi
        test $RANK = 0 || exit 0
        {OUTPUTS}"#
    ));
    let (report, seen) = setup.train_and_watch(&spec).await;
    assert_eq!(report.unwrap().attempts, 2);
    let seen = format!("{seen:?}");
    assert!(
        seen.contains("process 1 of 3: killed by signal 9"),
        "{seen}"
    );
    for rank in 0..3 {
        let process = read(&setup, &spec, &format!("pid-1-{rank}"));
        until("the gang is dead", || !is_alive(process.trim())).await;
        assert_ne!(process, read(&setup, &spec, &format!("pid-2-{rank}")));
    }
}

#[tokio::test]
async fn the_one_that_was_killed_is_the_cause_and_the_one_that_failed_has_the_log() {
    let setup = setup().await;
    // Rank 0 fails because rank 2 is gone: the machine's fault, not the user's.
    let mut spec = gang(
        r#"if [ $RANK = 2 ]; then kill -9 $$; fi
        if [ $RANK = 0 ]; then echo "lost a peer"; exit 7; fi
        sleep 600"#,
    );
    spec.retries.lost_workers = 0;
    let error = setup.train(&spec).await.unwrap_err().to_string();
    assert!(
        error.contains("process 2 of 3: killed by signal 9"),
        "{error}"
    );

    let mut spec = gang("if [ $RANK = 1 ]; then echo 'the reason'; exit 7; fi; sleep 600");
    spec.retries.user_errors = 0;
    let error = setup.train(&spec).await.unwrap_err().to_string();
    assert!(error.contains("process 1 of 3: exit status 7"), "{error}");
    assert!(
        error.ends_with("attempt-1-rank-1.log:\nthe reason"),
        "{error}"
    );
}

#[tokio::test]
async fn all_start_or_none() {
    let setup = setup().await;
    let spec = gang("exec sleep 600");
    // The last of the three cannot write its log.
    let folder = setup.folder(&spec);
    std::fs::create_dir_all(folder.join("attempt-1-rank-2.log")).unwrap();
    let error = setup.train(&spec).await.unwrap_err();
    assert!(matches!(&error, Error::Io { .. }), "{error}");
    let mark = format!("DRIVELOOP_JOB_DIR={}", folder.display());
    let is_of_the_gang = |process: &std::fs::DirEntry| {
        let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == mark.as_bytes())
    };
    until("the two others are dead", || {
        let mut processes = std::fs::read_dir("/proc").unwrap().flatten();
        !processes.any(|process| is_of_the_gang(&process))
    })
    .await;
}

#[tokio::test]
async fn more_than_there_is_is_refused_before_anything_is_begun() {
    let setup = setup().await;
    let mut spec = gang(OUTPUTS);
    spec.processes = 5;
    let other = script(OUTPUTS);
    let mut specs = [other, spec];
    specs[1].name = "large".into();
    let error = setup.train_all(&specs).await.unwrap_err().to_string();
    let expected = "job `large` asks for 5 CPUs, there are 4";
    assert!(
        error.contains(expected) && error.contains("hint:"),
        "{error}"
    );
    assert!(!setup.options.work_dir.exists(), "nothing was begun");
}
