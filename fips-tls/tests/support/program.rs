//! Other programs' TLS, on the loopback, always ended with the test.

use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// The longest any wait takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn openssl() -> Command {
    Command::new("openssl")
}

/// Runs a short command and returns what it printed.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| missing(command, &error));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command whose input and output are set, and kills it when it takes too long.
#[track_caller]
pub fn run_to_end(mut command: Command) -> ExitStatus {
    let child = command
        .spawn()
        .unwrap_or_else(|error| missing(&command, &error));
    let mut running = Running(child);
    running.ended()
}

fn missing(command: &Command, error: &io::Error) -> ! {
    let program = command.get_program().to_string_lossy();
    assert!(
        error.kind() == ErrorKind::NotFound,
        "{program} does not start: {error}"
    );
    let package = match &*program {
        "cc" => "build-essential",
        "certutil" | "pk12util" | "selfserv" | "tstclnt" => "libnss3-tools",
        "certtool" | "gnutls-cli" | "gnutls-serv" => "gnutls-bin",
        "go" => "golang-go",
        other => other,
    };
    panic!("this test needs the program {program}: apt-get install {package}")
}

/// A process, killed when dropped.
struct Running(Child);

impl Running {
    #[track_caller]
    fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "still running");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running program, killed when dropped, with its output line by line.
pub struct Program {
    child: Running,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Program {
    /// Starts `command`; its standard input stays open.
    pub fn start(mut command: Command) -> Self {
        // One pipe for both: what it prints keeps its order.
        let (reader, writer) = io::pipe().unwrap();
        command
            .stdin(Stdio::piped())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer);
        let child = command
            .spawn()
            .unwrap_or_else(|error| missing(&command, &error));
        // Ours of the pipe's writing ends close, so that its end is the program's.
        drop(command);
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut pipe = BufReader::new(reader);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                if sender.send(text).is_err() {
                    return;
                }
            }
        });
        Self {
            child: Running(child),
            lines,
            seen: Vec::new(),
        }
    }

    /// Waits for a line with `needle`, also among those seen before.
    #[track_caller]
    pub fn wait_for(&mut self, needle: &str) -> String {
        let place = self
            .find(&[needle])
            .unwrap_or_else(|error| panic!("{error}"));
        self.seen[place].clone()
    }

    /// As [`wait_for`](Self::wait_for), with what came instead as an error.
    pub fn wait_until(&mut self, needle: &str) -> Result<(), String> {
        self.find(&[needle]).map(drop)
    }

    /// Waits for a line with any of `needles`, or the end, and returns all that has come.
    pub fn wait_for_any(&mut self, needles: &[&str]) -> String {
        let _ = self.find(needles);
        self.seen.join("\n")
    }

    /// Waits for a line with `needle` and takes all lines up to it, so that the next look
    /// begins behind it. An error holds what came instead.
    pub fn take_until(&mut self, needle: &str) -> Result<Vec<String>, String> {
        let place = self.find(&[needle])?;
        Ok(self.seen.drain(..=place).collect())
    }

    /// The place among the lines seen of the first with one of `needles`.
    fn find(&mut self, needles: &[&str]) -> Result<usize, String> {
        let deadline = Instant::now() + PATIENCE;
        let mut place = 0;
        loop {
            if place == self.seen.len() {
                let left = deadline.saturating_duration_since(Instant::now());
                match self.lines.recv_timeout(left) {
                    Ok(line) => self.seen.push(line),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                        return Err(format!("none of {needles:?} in:\n{}", self.seen.join("\n")));
                    }
                }
            }
            if needles
                .iter()
                .any(|needle| self.seen[place].contains(needle))
            {
                return Ok(place);
            }
            place += 1;
        }
    }

    /// Writes to the program's standard input. One that has ended does not hear it: what is
    /// then missing from its output says so.
    pub fn say(&mut self, text: &str) {
        use std::io::Write;
        let stdin = self.child.0.stdin.as_mut().unwrap();
        let _ = stdin
            .write_all(text.as_bytes())
            .and_then(|()| stdin.flush());
    }

    /// Ends the program at once; the system closes its connections.
    pub fn kill(&mut self) {
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
    }

    /// Waits for the program's end, and returns how it ended with all it printed and was not
    /// taken.
    #[track_caller]
    pub fn finish(&mut self) -> (ExitStatus, Vec<String>) {
        let status = self.ended();
        let deadline = Instant::now() + PATIENCE;
        while let Ok(line) = self
            .lines
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.seen.push(line);
        }
        (status, std::mem::take(&mut self.seen))
    }

    /// Waits for the program's end.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        self.child.ended()
    }
}

/// Starts `openssl s_server` on a port the system chooses.
pub fn s_server(arguments: impl FnOnce(&mut Command)) -> (Program, SocketAddr) {
    let mut command = openssl();
    command.args(["s_server", "-accept", "127.0.0.1:0"]);
    arguments(&mut command);
    let mut program = Program::start(command);
    let line = program.wait_for("ACCEPT ");
    let address = line.trim_start_matches("ACCEPT ").parse().unwrap();
    (program, address)
}
