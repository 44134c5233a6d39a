//! A scripted server on the loopback, for what only a wire can show: cuts, silence, redirects, endless bodies.
//! It answers one connection after another from its script and keeps the requests; it knows no calendar.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use url::Url;

/// What a connection gets.
pub(super) enum Reply {
    /// These bytes.
    Bytes(String),
    /// The connection closed after the request was read.
    Cut,
    /// Nothing, for this long.
    Silence(Duration),
}

impl Reply {
    pub(super) fn raw(bytes: &str) -> Self {
        Self::Bytes(bytes.to_owned())
    }

    pub(super) fn json(body: &str) -> Self {
        Self::answer(200, body)
    }

    pub(super) fn status(status: u16) -> Self {
        Self::answer(status, "")
    }

    pub(super) fn answer(status: u16, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(format!(
            "HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// With one more header line.
    pub(super) fn header(self, line: &str) -> Self {
        match self {
            Self::Bytes(bytes) => Self::Bytes(bytes.replacen("\r\n", &format!("\r\n{line}\r\n"), 1)),
            Self::Cut | Self::Silence(_) => self,
        }
    }
}

pub(super) struct Loopback {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Loopback {
    /// Serves the script, then closes its port.
    pub(super) fn start(script: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let thread = std::thread::spawn(move || {
            for reply in script {
                let (mut stream, _) = listener.accept().unwrap();
                seen.lock().unwrap().push(read_request(&mut stream));
                match reply {
                    // A client that gives up while it is written to is part of the game.
                    Reply::Bytes(bytes) => drop(stream.write_all(bytes.as_bytes())),
                    Reply::Cut => {}
                    Reply::Silence(time) => std::thread::sleep(time),
                }
                drop(stream.shutdown(Shutdown::Both));
            }
        });
        Self { address, requests, thread: Mutex::new(Some(thread)) }
    }

    pub(super) fn url(&self, path: &str) -> Url {
        format!("http://{}{path}", self.address).parse().unwrap()
    }

    /// The requests so far: head and body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until the script is over and the port is closed.
    pub(super) fn closed(&self) {
        if let Some(thread) = self.thread.lock().unwrap().take() {
            thread.join().unwrap();
        }
    }
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                return text.into_owned();
            }
        }
        let read = stream.read(&mut buffer).unwrap();
        if read == 0 {
            return String::from_utf8_lossy(&request).into_owned();
        }
        request.extend_from_slice(&buffer[..read]);
    }
}
