//! The conformance suite on every kind of store.

use std::net::SocketAddr;
use std::time::Duration;

use driveloop_lake::conformance::{self, Outcome};
use driveloop_lake::{Config, Error, Lake, Limits, Store};
use driveloop_tests::{Fault, FaultyProxy, S3Server, s3_environment};

/// The configuration with which a lake reaches the S3 server, or the proxy before it.
pub(crate) fn s3_config(address: SocketAddr) -> Config {
    let settings = s3_environment(address).into_iter();
    Config {
        settings: settings
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
        limits: Limits {
            backoff_first: Duration::from_millis(5),
            backoff_max: Duration::from_millis(200),
            ..Limits::default()
        },
    }
}

fn assert_conforms(outcomes: Vec<(&'static str, Outcome)>) {
    let failed: Vec<_> = outcomes
        .iter()
        .filter_map(|(case, outcome)| Some((case, outcome.as_ref().err()?)))
        .collect();
    assert!(!outcomes.is_empty());
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    let open = |case: &'static str| async move {
        let uri = format!("memory://conformance-memory/{case}");
        Lake::open_with(&uri, Config::default()).await
    };
    assert_conforms(conformance::run(open).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn local_disk() {
    let folder = tempfile::tempdir().unwrap();
    // A name with a blank, as people's folders have them.
    let root = folder.path().join("a lake").display().to_string();
    let open = move |case: &'static str| {
        let uri = format!("{root}/{case}");
        async move { Lake::open(&uri).await }
    };
    assert_conforms(conformance::run(open).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3() {
    let Some(server) = S3Server::start() else {
        return;
    };
    server.create_bucket("conformance");
    let config = s3_config(server.address());
    let open = move |case: &'static str| {
        let (uri, config) = (format!("s3://conformance/some/{case}"), config.clone());
        async move { Lake::open_with(&uri, config).await }
    };
    assert_conforms(conformance::run(open).await);
}

/// One body in twenty breaks off, with and without requests that fail.
#[tokio::test(flavor = "multi_thread")]
async fn s3_whose_bodies_break_off() {
    let Some(server) = S3Server::start() else {
        return;
    };
    server.create_bucket("conformance");
    for (seed, fault_rate) in [(1, 0.0), (2, 0.0), (3, 0.1)] {
        let proxy = FaultyProxy::start(server.address(), seed);
        proxy.set_fault_rate(fault_rate);
        proxy.set_cut_rate(0.05);
        let config = s3_config(proxy.address());
        let open = move |case: &'static str| {
            let uri = format!("s3://conformance/cut-{seed}/{case}");
            let config = config.clone();
            async move { Lake::open_with(&uri, config).await }
        };
        assert_conforms(conformance::run(open).await);
        let traffic = proxy.traffic();
        assert!(traffic.faults[&Fault::BodyCut] > 20, "{traffic:?}");
    }
}

/// A body that breaks off again and again is given up, within the bounds.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_well_is_an_error() {
    let Some(server) = S3Server::start() else {
        return;
    };
    server.create_bucket("conformance");
    server.put_object("conformance", "cut/object", &vec![7; 1000]);
    let proxy = FaultyProxy::start(server.address(), 1);
    proxy.set_fault_rate(0.0);
    let mut config = s3_config(proxy.address());
    config.limits.request_retries_max = 2;
    let store = Store::open_with("s3://conformance/cut", &config).unwrap();
    assert_eq!(store.get("object").await.unwrap(), vec![7; 1000]);
    // Half of the answers break off: the bytes that arrive are the right ones all the same.
    proxy.set_cut_rate(0.5);
    for start in 0..20_u64 {
        if let Ok(bytes) = store.get_range("object", start..1000).await {
            assert_eq!(bytes, vec![7; 1000 - start as usize]);
        }
    }
    proxy.set_cut_rate(1.0);
    proxy.reset_traffic();
    let long: Vec<_> = (0..3).map(|_| store.get("object")).collect();
    for error in futures::future::join_all(long).await {
        // One that was given every byte before its end is whole.
        if let Err(error) = error {
            assert!(matches!(error, Error::Storage { .. }), "{error:?}");
        }
    }
    assert!(store.list("").await.is_err());
    let requests = proxy.traffic();
    assert!(requests.total() < 200, "{requests:?}");
}

/// One request in five fails: 503, a reset, a slow answer, or one that is lost though the store did what was asked.
#[tokio::test(flavor = "multi_thread")]
async fn s3_that_fails_at_times() {
    let Some(server) = S3Server::start() else {
        return;
    };
    server.create_bucket("conformance");
    for seed in [1, 2] {
        let proxy = FaultyProxy::start(server.address(), seed);
        let config = s3_config(proxy.address());
        let open = move |case: &'static str| {
            let uri = format!("s3://conformance/{seed}/{case}");
            let config = config.clone();
            async move { Lake::open_with(&uri, config).await }
        };
        assert_conforms(conformance::run(open).await);
        let faults = proxy.traffic().faults;
        assert_eq!(faults.len(), 4, "every kind of fault: {faults:?}");
    }
}
