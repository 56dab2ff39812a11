//! A loopback HTTP/1.1 proxy before an object store that lets some requests fail, as stores and networks do.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// The share of requests that fail while faults are on.
pub const FAULT_RATE: f64 = 0.2;

/// A way for a request to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The store is busy: status 503, nothing is done.
    Unavailable,
    /// The connection is reset, or closed, before the store sees the request.
    Reset,
    /// The answer takes its time.
    Slow,
    /// The store does what is asked, and the connection is reset or closed before the answer.
    AnswerLost,
    /// The answer begins, and its body breaks off.
    BodyCut,
}

impl Fault {
    /// Those of requests; the bodies of answers have a rate of their own.
    pub const ALL: [Self; 4] = [Self::Unavailable, Self::Reset, Self::Slow, Self::AnswerLost];
}

/// What went through a proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests by method, those that failed included.
    pub requests: BTreeMap<String, u64>,
    /// Requests that failed, by fault.
    pub faults: BTreeMap<Fault, u64>,
    /// Bytes of the bodies that were answered to `GET`, by path.
    pub read_bytes: BTreeMap<String, u64>,
}

impl Traffic {
    /// Requests of all methods.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }

    /// Bytes that were read of objects whose paths contain a text.
    #[must_use]
    pub fn read_bytes_of(&self, text: &str) -> u64 {
        let read = self.read_bytes.iter();
        let of = read.filter(|(path, _)| path.contains(text));
        of.map(|(_, bytes)| bytes).sum()
    }
}

/// A proxy before an HTTP server. It keeps the `Host` header, so that signatures hold.
#[derive(Debug)]
pub struct FaultyProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl FaultyProxy {
    /// Starts a proxy whose faults, on from the start, are drawn from a seed in the order of requests.
    ///
    /// # Panics
    /// When the machine has no free port or thread.
    #[must_use]
    pub fn start(upstream: SocketAddr, seed: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a thread");
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let state = State {
            rng: ChaCha8Rng::seed_from_u64(seed),
            fault_rate: FAULT_RATE,
            cut_rate: 0.0,
            traffic: Traffic::default(),
        };
        let shared = Arc::new(Shared {
            upstream,
            state: Mutex::new(state),
        });
        let entered = runtime.enter();
        let listener = TcpListener::from_std(listener).expect("the runtime takes the socket");
        drop(entered);
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            runtime: Some(runtime),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the share of requests that fail, 0 to 1; [`FAULT_RATE`] at first.
    pub fn set_fault_rate(&self, rate: f64) {
        self.shared.state().fault_rate = rate;
    }

    /// Sets the share of answers whose bodies break off, 0 to 1; none at first.
    pub fn set_cut_rate(&self, rate: f64) {
        self.shared.state().cut_rate = rate;
    }

    /// What went through since the start or the last [`FaultyProxy::reset_traffic`].
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.shared.state().traffic.clone()
    }

    /// Counts from zero again, and gives what was counted.
    pub fn reset_traffic(&self) -> Traffic {
        std::mem::take(&mut self.shared.state().traffic)
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        // Not dropped as it is: that waits, which a test that runs in a runtime itself must not.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rng: ChaCha8Rng,
    fault_rate: f64,
    cut_rate: f64,
    traffic: Traffic,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request, and says whether and how it fails; a slow one by how much.
    fn draw(&self, method: &Method) -> (Option<Fault>, Duration) {
        let mut state = self.state();
        *state
            .traffic
            .requests
            .entry(method.to_string())
            .or_default() += 1;
        let rate = state.fault_rate;
        if !state.rng.random_bool(rate) {
            return (None, Duration::ZERO);
        }
        let fault = Fault::ALL[state.rng.random_range(0..Fault::ALL.len())];
        let delay = Duration::from_millis(state.rng.random_range(50..500));
        *state.traffic.faults.entry(fault).or_default() += 1;
        (Some(fault), delay)
    }
}

impl Shared {
    /// Counts what was answered to a request.
    fn count_answer(&self, method: &Method, path: &str, bytes: usize) {
        if method == Method::GET {
            let read = &mut self.state().traffic.read_bytes;
            *read.entry(path.to_owned()).or_default() += bytes as u64;
        }
    }

    /// How many bytes of a body arrive before it breaks off; `None` for all of them.
    fn draw_cut(&self, bytes: usize) -> Option<usize> {
        let mut state = self.state();
        let rate = state.cut_rate;
        if bytes == 0 || !state.rng.random_bool(rate) {
            return None;
        }
        *state.traffic.faults.entry(Fault::BodyCut).or_default() += 1;
        Some(state.rng.random_range(0..bytes))
    }
}

/// The body of an answer.
struct Body {
    bytes: Option<Bytes>,
    length: u64,
    is_cut: bool,
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self {
            length: bytes.len() as u64,
            bytes: Some(bytes).filter(|bytes| !bytes.is_empty()),
            is_cut: false,
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = NoAnswer;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, NoAnswer>>> {
        let bytes = self.bytes.take().map(|bytes| Ok(Frame::data(bytes)));
        let is_cut = bytes.is_none() && std::mem::take(&mut self.is_cut);
        Poll::Ready(bytes.or(is_cut.then_some(Err(NoAnswer))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && !self.is_cut
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&shared)));
    }
}

/// Serves one connection of a client until one of the sides closes it.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let Ok((stream, twin)) = twins(stream) else {
        return;
    };
    let answer = service_fn(|request| answer(request, &shared));
    let server = hyper::server::conn::http1::Builder::new();
    if server
        .serve_connection(TokioIo::new(stream), answer)
        .await
        .is_err()
    {
        // Closed without waiting, a socket tells the other side that it was reset; else that there is no more to come.
        if shared.state().rng.random_bool(0.5) {
            let _ = twin.set_zero_linger();
        }
    }
}

/// The socket, and a second handle of it that outlives the server's.
fn twins(stream: TcpStream) -> std::io::Result<(TcpStream, TcpStream)> {
    let stream = stream.into_std()?;
    let twin = TcpStream::from_std(stream.try_clone()?)?;
    Ok((TcpStream::from_std(stream)?, twin))
}

/// Why a connection ends without an answer.
#[derive(Debug)]
struct NoAnswer;

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no answer")
    }
}

impl std::error::Error for NoAnswer {}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Result<Response<Body>, NoAnswer> {
    let (head, body) = request.into_parts();
    let (fault, delay) = shared.draw(&head.method);
    let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
    match fault {
        Some(Fault::Unavailable) => return Ok(unavailable().map(Body::from)),
        Some(Fault::Reset) => return Err(NoAnswer),
        Some(Fault::Slow) => tokio::time::sleep(delay).await,
        Some(Fault::AnswerLost | Fault::BodyCut) | None => {}
    }
    let (method, path) = (head.method.clone(), head.uri.path().to_owned());
    let answer = forward(shared.upstream, Request::from_parts(head, Full::new(body))).await;
    if fault == Some(Fault::AnswerLost) {
        return Err(NoAnswer);
    }
    let answer = answer.map_err(|_| NoAnswer)?;
    shared.count_answer(&method, &path, answer.body().len());
    Ok(answer.map(|bytes| match shared.draw_cut(bytes.len()) {
        Some(end) => Body {
            length: bytes.len() as u64,
            bytes: Some(bytes.slice(..end)).filter(|bytes| !bytes.is_empty()),
            is_cut: true,
        },
        None => Body::from(bytes),
    }))
}

fn unavailable() -> Response<Bytes> {
    let text =
        "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Sends a request over a connection of its own, and gives the whole answer.
async fn forward(
    upstream: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, Failure> {
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (mut head, body) = sender.send_request(request).await?.into_parts();
    // Between the proxy and each side these are settled anew.
    head.version = Version::HTTP_11;
    head.headers.remove(CONNECTION);
    head.headers.remove(TRANSFER_ENCODING);
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}
