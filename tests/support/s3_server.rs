//! An S3 server on loopback that nobody here wrote: moto, which honours `If-None-Match` and `If-Match`.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::peers::peers_python;

/// How long the server may take to come up on a busy machine.
const START_TIME_MAX: Duration = Duration::from_mins(1);

/// A moto server, empty at first; it ends with this value.
#[derive(Debug)]
pub struct S3Server {
    child: Child,
    address: SocketAddr,
}

impl S3Server {
    /// Starts a server and waits until it answers. `None` where the Python peers are absent, which it says on standard error.
    ///
    /// # Panics
    /// When the server does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let mut command = peers_python()?;
        let address = free_address();
        let child = command
            .args([
                "-m",
                "moto.server",
                "-H",
                "127.0.0.1",
                "-p",
                &address.port().to_string(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts");
        let mut server = Self { child, address };
        let begun = Instant::now();
        while status(address, "GET", "/").is_none() {
            let ended = server.child.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "moto ended at its start: {ended:?}");
            assert!(
                begun.elapsed() < START_TIME_MAX,
                "moto does not answer at {address}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a bucket; one that is there already stays as it is.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn create_bucket(&self, name: &str) {
        let status = status(self.address, "PUT", &format!("/{name}"));
        assert_eq!(status, Some(200), "bucket {name}");
    }
}

impl S3Server {
    /// Puts an object into a bucket. The key is percent-encoded by the caller, letter by letter as it goes over the wire: any key can be
    /// made, those that no client would make included.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn put_object(&self, bucket: &str, encoded_key: &str, bytes: &[u8]) {
        let path = format!("/{bucket}/{encoded_key}");
        let status = status_of(self.address, "PUT", &path, bytes);
        assert_eq!(status, Some(200), "object {path}");
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The environment with which a program reaches the S3 server, or the proxy before it, at an address.
#[must_use]
pub fn s3_environment(address: SocketAddr) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        // No look for credentials of the machine that the tests run on.
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("NO_PROXY", "127.0.0.1".to_owned()),
    ]
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
}

/// The status of the answer to a request without body or signature, when there is one.
fn status(address: SocketAddr, method: &str, path: &str) -> Option<u16> {
    status_of(address, method, path, &[])
}

/// The same with a body.
fn status_of(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> Option<u16> {
    let length = body.len();
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(START_TIME_MAX)).ok()?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let line = std::str::from_utf8(answer.split(|byte| *byte == b'\r').next()?).ok()?;
    line.split(' ').nth(1)?.parse().ok()
}
