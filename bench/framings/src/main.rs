//! Echo servers on different WebSocket libraries, alike in all else: one thread, hyper's upgrade, a task for each connection. Run by
//! `bench/framings/compare`, to see what a library costs for a message and for an idle connection.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;

use duet_gateway::framing::{self, FrameReader, Received};
use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket};
use futures_util::{SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{self, WebSocketConfig};

#[derive(Clone, Copy)]
enum Library {
    Tungstenite,
    FastWebSockets,
    Yawc,
    Duet,
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let library = arguments.next().unwrap_or_default();
    let port: u16 = arguments.next().and_then(|port| port.parse().ok()).unwrap_or(0);
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        match library.as_str() {
            "axum" => serve_axum(listener).await,
            "tungstenite" => serve(listener, Library::Tungstenite).await,
            "fastwebsockets" => serve(listener, Library::FastWebSockets).await,
            "yawc" => serve(listener, Library::Yawc).await,
            "duet" => serve(listener, Library::Duet).await,
            _ => Err(io::Error::other("expected: axum, tungstenite, fastwebsockets, yawc or duet")),
        }
    })
}

async fn serve(listener: TcpListener, library: Library) -> io::Result<()> {
    let shared = Rc::new(Buffers { inbox: RefCell::new(vec![0; 32 * 1024]), outgoing: RefCell::new(Vec::new()) });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let shared = shared.clone();
        let service = service_fn(move |request| answer(request, library, shared.clone()));
        spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades());
    }
}

async fn answer(
    mut request: Request<Incoming>,
    library: Library,
    shared: Rc<Buffers>,
) -> Result<Response<Empty<Bytes>>, yawc::WebSocketError> {
    if let Library::Yawc = library {
        let (response, upgraded) = yawc::WebSocket::upgrade(&mut request)?;
        spawn_local(async move {
            if let Ok(socket) = upgraded.await {
                echo_yawc(socket).await;
            }
        });
        return Ok(response);
    }
    let key = request.headers().get(SEC_WEBSOCKET_KEY).map_or(&b""[..], HeaderValue::as_bytes);
    let accept = HeaderValue::from_str(&derive_accept_key(key)).expect("base64 fits in a header");
    spawn_local(async move {
        let Ok(upgraded) = hyper::upgrade::on(&mut request).await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else { return };
        let stream = parts.io.into_inner();
        // All that is left of the request and its buffer.
        drop((parts.read_buf, request));
        match library {
            Library::Tungstenite => echo_tungstenite(stream).await,
            Library::FastWebSockets => echo_fastwebsockets(stream).await,
            Library::Duet => echo_duet(stream, &shared).await,
            Library::Yawc => {}
        }
    });
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

async fn echo_tungstenite(stream: TcpStream) {
    let config = WebSocketConfig::default().read_buffer_size(4096).max_message_size(Some(65_536));
    let mut socket = WebSocketStream::from_raw_socket(stream, protocol::Role::Server, Some(config)).await;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() && socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn echo_fastwebsockets(stream: TcpStream) {
    let mut socket = WebSocket::after_handshake(stream, Role::Server);
    socket.set_max_message_size(65_536);
    let mut socket = FragmentCollector::new(socket);
    while let Ok(frame) = socket.read_frame().await {
        if frame.opcode == OpCode::Text && socket.write_frame(frame).await.is_err() {
            return;
        }
    }
}

async fn echo_yawc(mut socket: yawc::HttpWebSocket) {
    while let Some(frame) = socket.next().await {
        if frame.opcode() == yawc::frame::OpCode::Text && socket.send(frame).await.is_err() {
            return;
        }
    }
}

/// What all connections read into and write from, one at a time.
struct Buffers {
    inbox: RefCell<Vec<u8>>,
    outgoing: RefCell<Vec<u8>>,
}

async fn echo_duet(mut stream: TcpStream, shared: &Buffers) {
    let mut reader = FrameReader::new(65_536);
    loop {
        let read = poll_fn(|cx| {
            let mut inbox = shared.inbox.borrow_mut();
            let mut buffer = ReadBuf::new(&mut inbox);
            std::task::ready!(Pin::new(&mut stream).poll_read(cx, &mut buffer))?;
            let mut outgoing = shared.outgoing.borrow_mut();
            outgoing.clear();
            let is_end = buffer.filled().is_empty();
            let heard = reader.read(buffer.filled_mut(), |received| {
                if let Received::Text(text) = received {
                    framing::put_text(text.as_bytes(), &mut outgoing);
                }
            });
            let is_over = is_end || heard.is_err();
            std::task::Poll::Ready(if is_over { Err(io::ErrorKind::UnexpectedEof.into()) } else { io::Result::Ok(()) })
        });
        if read.await.is_err() {
            return;
        }
        let mut outgoing = shared.outgoing.take();
        let written = stream.write_all(&outgoing).await;
        outgoing.clear();
        shared.outgoing.replace(outgoing);
        if written.is_err() {
            return;
        }
    }
}

async fn serve_axum(listener: TcpListener) -> io::Result<()> {
    use axum::extract::ws::{Message, WebSocketUpgrade};
    let upgrade = |upgrade: WebSocketUpgrade| async {
        upgrade.read_buffer_size(4096).max_message_size(65_536).on_upgrade(|mut socket| async move {
            while let Some(Ok(message)) = socket.recv().await {
                if matches!(message, Message::Text(_)) && socket.send(message).await.is_err() {
                    return;
                }
            }
        })
    };
    let router = axum::Router::new().route("/ws", axum::routing::any(upgrade));
    axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true))), router).await
}
