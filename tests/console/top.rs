//! `clawgate top` on a terminal, which `script` makes.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::support::client::Client;
use crate::support::eventually;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

const BEGIN: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const END: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// `clawgate top` on a terminal with 24 rows and 80 columns.
struct Terminal {
    script: Child,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn start(admin: &str, env: &[(&str, &str)]) -> Self {
        let program = env!("CARGO_BIN_EXE_clawgate");
        let line = format!(
            "stty rows 24 cols 80; exec setpriv --pdeathsig KILL '{program}' top --admin '{admin}'"
        );
        let path = std::env::vars_os().filter(|(name, _)| name == OsStr::new("PATH"));
        let mut script = Command::new("script")
            .env_clear()
            .envs(path)
            .env("SHELL", "/bin/sh")
            .envs(env.iter().copied())
            .args(["-qefc", &line, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut stdout, written) = (script.stdout.take().unwrap(), Arc::<Mutex<Vec<u8>>>::default());
        let sink = Arc::clone(&written);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                sink.lock().unwrap().extend(&buffer[..count]);
            }
        });
        Self { script, written }
    }

    fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// The screens that were drawn completely, as lines.
    fn screens(&self) -> Vec<Vec<String>> {
        let written = self.written();
        let screens = written.split("\x1b[H").skip(1).filter_map(|screen| screen.split_once("\x1b[J"));
        let lines = |text: &str| {
            let text = text.strip_suffix("\x1b[K").unwrap_or(text);
            text.split("\x1b[K").map(|line| line.trim().to_owned()).collect()
        };
        screens.map(|(text, _)| lines(text)).collect()
    }

    /// Waits for a screen with `part`, after the first `skip` ones.
    fn screen(&self, skip: usize, part: &str) -> Vec<String> {
        eventually("the screen", || {
            let screens = self.screens().into_iter().skip(skip);
            screens.into_iter().find(|lines| lines.iter().any(|line| line.contains(part)))
        })
    }

    /// The process of `top`.
    fn top(&self) -> u32 {
        let children = format!("/proc/{0}/task/{0}/children", self.script.id());
        let children = fs::read_to_string(children).unwrap();
        children.split_whitespace().next().unwrap().parse().unwrap()
    }

    fn press(&mut self, key: u8) {
        self.script.stdin.as_mut().unwrap().write_all(&[key]).unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

fn refusing(pki: &Pki) -> Clawgate {
    let clawgate = ClawgateCommand::new(pki).upstream("echo:").admin().start();
    Client::with_versions(pki, &clawgate, None, &[&rustls::version::TLS13]).refused();
    clawgate.event("handshake_failed", 1);
    clawgate
}

#[test]
fn top_overwrites_the_screen_without_clearing_it_and_ctrl_c_gives_the_terminal_back() {
    let pki = Pki::new();
    let clawgate = refusing(&pki);
    let mut terminal = Terminal::start(&clawgate.admin().to_string(), &[]);

    let screen = terminal.screen(1, "client_cert_missing");
    terminal.press(3);

    let ended = eventually("its end", || terminal.script.try_wait().unwrap());
    assert!(ended.success(), "{ended}");
    let written =
        eventually("the last bytes", || Some(terminal.written()).filter(|text| text.ends_with(END)));
    assert!(written.starts_with(BEGIN) && !written.contains("\x1b[2J"), "{written:?}");
    assert!(written.contains("\x1b[1;32mclawgate: all well\x1b[0m"), "{written:?}");
    assert!(screen.len() <= 24 && screen.iter().all(|line| line.chars().count() <= 90), "{screen:#?}");
}

#[test]
fn top_uses_no_colour_if_no_color_is_set() {
    let pki = Pki::new();
    let clawgate = refusing(&pki);
    let terminal = Terminal::start(&clawgate.admin().to_string(), &[("NO_COLOR", "1")]);

    let screen = terminal.screen(0, "client_cert_missing");

    assert_eq!(screen[0], "clawgate: all well");
    assert!(!terminal.written().contains("\x1b[1"), "{:?}", terminal.written());
}

#[test]
fn top_follows_the_size_of_its_terminal() {
    let pki = Pki::new();
    let clawgate = refusing(&pki);
    let terminal = Terminal::start(&clawgate.admin().to_string(), &[("NO_COLOR", "1")]);
    terminal.screen(0, "LAST SEEN");
    let before = terminal.screens().len();

    let device = fs::read_link(format!("/proc/{}/fd/1", terminal.top())).unwrap();
    let resized = Command::new("stty").arg("-F").arg(device).args(["rows", "6", "cols", "60"]).status();
    assert!(resized.unwrap().success());

    let screen = terminal.screen(before, "more lines");
    assert_eq!(screen.len(), 6, "{screen:#?}");
    assert_eq!(screen[0], "clawgate: all well");
}

#[test]
fn top_says_that_nothing_answers_and_goes_on_when_clawgate_is_back() {
    let pki = Pki::new();
    let admin = format!("unix:{}", pki.dir().join("admin.sock").display());
    let start = || ClawgateCommand::new(&pki).upstream("echo:").arg("--admin", &admin).start();
    let terminal = Terminal::start(&admin, &[("NO_COLOR", "1")]);

    let away = terminal.screen(0, "nothing answers");
    assert!(away[0].starts_with("clawgate: FAULT: nothing answers at unix:"), "{away:#?}");
    let clawgate = start();
    terminal.screen(1, "clawgate: all well");
    drop(clawgate);
    let before = terminal.screens().len();
    let away = terminal.screen(before, "what follows is of");
    assert!(away.iter().any(|line| line == "clawgate: all well"), "{away:#?}");
    let before = terminal.screens().len();
    let _clawgate = start();
    let back = terminal.screen(before, "generation 1");
    assert_eq!(back[0], "clawgate: all well");
}
