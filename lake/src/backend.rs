//! The object store that a URL names, with its settings and bounds.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::list::PaginatedListStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, ObjectStoreScheme, Result, RetryConfig,
};
use url::Url;

use crate::config::{Config, Limits};
use crate::listing::Lister;
use crate::resume::Resumed;
use crate::settle::Settled;

/// A store, the path within it, and how it is listed.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) prefix: Path,
    pub(crate) lister: Lister,
}

/// The stores in memory of this process, by the host of their URL: who opens the same name sees the same objects.
static IN_MEMORY: Mutex<BTreeMap<String, Arc<InMemory>>> = Mutex::new(BTreeMap::new());

/// Opens the store of a URL.
pub(crate) fn open(url: &Url, config: &Config) -> Result<Opened> {
    if url.scheme() == "memory" {
        return Ok(Opened {
            store: in_memory(url),
            prefix: Path::from_url_path(url.path())?,
            lister: Lister::Stream,
        });
    }
    let (scheme, prefix) = ObjectStoreScheme::parse(url)?;
    let limits = &config.limits;
    let (store, lister) = match scheme {
        ObjectStoreScheme::Local => (Arc::new(LocalFileSystem::new()) as _, Lister::Disk),
        ObjectStoreScheme::AmazonS3 => {
            let builder = AmazonS3Builder::new()
                .with_url(url.as_str())
                .with_retry(retry(limits))
                .with_client_options(client(limits));
            let set = |builder: AmazonS3Builder, (key, value): (AmazonS3ConfigKey, _)| {
                builder.with_config(key, value)
            };
            of_cloud(settings("AWS_", config).fold(builder, set).build()?, limits)
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            let builder = GoogleCloudStorageBuilder::new()
                .with_url(url.as_str())
                .with_retry(retry(limits))
                .with_client_options(client(limits));
            let set = |builder: GoogleCloudStorageBuilder, (key, value): (GoogleConfigKey, _)| {
                builder.with_config(key, value)
            };
            let settings = settings("GOOGLE_", config);
            of_cloud(settings.fold(builder, set).build()?, limits)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            let builder = MicrosoftAzureBuilder::new()
                .with_url(url.as_str())
                .with_retry(retry(limits))
                .with_client_options(client(limits));
            let set = |builder: MicrosoftAzureBuilder, (key, value): (AzureConfigKey, _)| {
                builder.with_config(key, value)
            };
            let settings = settings("AZURE_", config);
            of_cloud(settings.fold(builder, set).build()?, limits)
        }
        _ => {
            let source = "expected a path, or a `file`, `memory`, `s3`, `gs` or `az` URI".into();
            return Err(object_store::Error::Generic {
                store: "URL",
                source,
            });
        }
    };
    Ok(Opened {
        store,
        prefix,
        lister,
    })
}

/// The client of a cloud, with what it does not do by itself: answers that break off are asked for again, lost ones are settled.
fn of_cloud<S>(client: S, limits: &Limits) -> (Arc<dyn ObjectStore>, Lister)
where
    S: ObjectStore + PaginatedListStore,
{
    let client = Arc::new(client);
    let lister = Lister::Pages(Arc::clone(&client) as _);
    let store = Settled::new(Resumed::new(client, limits), limits);
    (Arc::new(store), lister)
}

fn in_memory(url: &Url) -> Arc<dyn ObjectStore> {
    let mut stores = IN_MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    let name = url.host_str().unwrap_or_default().to_owned();
    Arc::clone(stores.entry(name).or_default()) as Arc<dyn ObjectStore>
}

/// The settings of one cloud that its client knows.
fn settings<'a, K: FromStr + 'a>(
    prefix: &'a str,
    config: &'a Config,
) -> impl Iterator<Item = (K, &'a String)> + 'a {
    config.settings.iter().filter_map(move |(key, value)| {
        let of_the_cloud = key.to_ascii_uppercase().starts_with(prefix);
        let key = of_the_cloud.then(|| key.to_ascii_lowercase().parse().ok())?;
        Some((key?, value))
    })
}

fn retry(limits: &Limits) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: limits.backoff_first,
            max_backoff: limits.backoff_max,
            base: 2.0,
        },
        max_retries: limits.request_retries_max,
        retry_timeout: limits.request_time_max,
    }
}

fn client(limits: &Limits) -> ClientOptions {
    ClientOptions::new().with_timeout(limits.try_time_max)
}
