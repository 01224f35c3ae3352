//! A thread that reads, so that a slow disk never stops the tasks that ask.

use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::connect::connect_to_read;
use super::fault::{ended, store_error};
use super::queries::Queries;
use crate::inbox::StoreError;
use crate::inbox::store::StoreFuture;
use crate::wording;

type Question = Box<dyn for<'c> FnOnce(&mut Queries<'c>) + Send>;

/// A thread that reads, for those who have questions.
#[derive(Debug)]
pub(super) struct ReaderThread {
    questions: Option<Sender<Question>>,
    thread: Option<JoinHandle<()>>,
}

impl ReaderThread {
    /// Starts it.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let (questions, receiver) = mpsc::channel::<Question>();
        let (started, start) = mpsc::channel();
        let path = path.to_owned();
        let run = move || {
            let opened = connect_to_read(&path);
            let queries = opened
                .as_ref()
                .map_err(store_error)
                .and_then(|connection| Queries::new(connection).map_err(|error| store_error(&error)));
            match queries {
                Ok(mut queries) => {
                    let _ = started.send(Ok(()));
                    for question in receiver {
                        question(&mut queries);
                    }
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            }
        };
        let thread = thread::Builder::new()
            .name("inbox-read".to_owned())
            .spawn(run)
            .map_err(|error| StoreError::Unavailable(wording::io(&error)))?;
        start.recv().unwrap_or_else(|_| Err(ended()))?;
        Ok(Self { questions: Some(questions), thread: Some(thread) })
    }

    /// Asks a question.
    pub(super) fn ask<T, F>(&self, question: F) -> StoreFuture<'static, T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&mut Queries<'c>) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |queries| {
            let _ = reply.send(question(queries).map_err(|error| store_error(&error)));
        });
        if let Some(questions) = &self.questions {
            let _ = questions.send(question);
        }
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(ended())) })
    }
}

impl Drop for ReaderThread {
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
