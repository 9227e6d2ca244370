//! Questions that arrive while others are being answered are asked together.
//!
//! The first question goes out at once. Those that come in while as many flights are under way as are
//! allowed wait, and leave together on the next one: under load the flights grow instead of the queue,
//! and without load nobody waits. There is no timer.
//!
//! What holds, whoever asks:
//! - a question leaves on a flight that starts after it was asked, so no answer is older than its question;
//! - a flight runs in a task of its own, so a caller who goes away breaks nothing for the others;
//! - a flight that fails, fails for everybody on it, and for nobody else.

use futures::future::BoxFuture;
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{runtime::Handle, sync::oneshot};
use tracing::{Instrument as _, Span};

/// A question that can share a flight.
pub trait Question: Send + 'static {
    /// How much of a flight's room it takes.
    fn size(&self) -> usize;
}

/// Why a question has no answer.
#[derive(Debug)]
pub enum Unanswered<E> {
    /// Its flight failed.
    Failed(Arc<E>),
    /// Its flight came back without an answer to it, or not at all.
    Lost,
}

/// Asks many questions at once: an answer for each, in order.
type Fly<Q, A, E> = dyn Fn(Vec<Q>) -> BoxFuture<'static, Result<Vec<A>, E>> + Send + Sync;

/// How many flights there may be at a time, and how much each may carry.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Flights under way at the same time.
    pub flights: usize,
    /// The size of the questions on one flight. A single question may be larger.
    pub room: usize,
}

/// Where questions of one sort are asked.
pub struct Coalescer<Q, A, E> {
    shared: Arc<Shared<Q, A, E>>,
}

struct Shared<Q, A, E> {
    fly: Box<Fly<Q, A, E>>,
    limits: Limits,
    state: Mutex<State<Q, A, E>>,
}

struct State<Q, A, E> {
    waiting: VecDeque<Waiting<Q, A, E>>,
    flights: usize,
}

struct Waiting<Q, A, E> {
    question: Q,
    /// What the asker is doing, where somebody follows its trace.
    span: Span,
    answer: oneshot::Sender<Result<A, Unanswered<E>>>,
}

impl<Q, A, E> fmt::Debug for Coalescer<Q, A, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalescer").field("limits", &self.shared.limits).finish_non_exhaustive()
    }
}

impl<Q: Question, A: Send + 'static, E: Send + Sync + 'static> Coalescer<Q, A, E> {
    /// Questions are put to `fly`.
    pub fn new(
        limits: Limits,
        fly: impl Fn(Vec<Q>) -> BoxFuture<'static, Result<Vec<A>, E>> + Send + Sync + 'static,
    ) -> Self {
        let state = Mutex::new(State { waiting: VecDeque::new(), flights: 0 });
        Self { shared: Arc::new(Shared { fly: Box::new(fly), limits, state }) }
    }

    /// Asks one question, alone or together with others.
    pub async fn ask(&self, question: Q) -> Result<A, Unanswered<E>> {
        let (answer, answered) = oneshot::channel();
        if let Some(boarded) = self.shared.queue(Waiting { question, span: traced::span(), answer }) {
            Flight(Arc::clone(&self.shared)).start(boarded);
        }
        answered.await.unwrap_or(Err(Unanswered::Lost))
    }
}

impl<Q: Question, A, E> Shared<Q, A, E> {
    /// Takes a question in. When there may be one more flight, those who leave on it at once.
    fn queue(&self, waiting: Waiting<Q, A, E>) -> Option<Vec<Waiting<Q, A, E>>> {
        let mut state = self.state();
        state.waiting.push_back(waiting);
        if state.flights == self.limits.flights {
            return None;
        }
        state.flights += 1;
        Some(state.board(self.limits.room))
    }

    /// Ends a flight. When anybody waits, those who leave on the next one.
    fn land(&self) -> Option<Vec<Waiting<Q, A, E>>> {
        let mut state = self.state();
        let boarded = state.board(self.limits.room);
        if boarded.is_empty() {
            state.flights -= 1;
            return None;
        }
        Some(boarded)
    }

    // Nothing panics while it holds the lock, so a poisoned lock is whole.
    fn state(&self) -> MutexGuard<'_, State<Q, A, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q: Question, A, E> State<Q, A, E> {
    /// Those who leave next: somebody when anybody waits, and no more than there is room for.
    /// Those who have gone away meanwhile are left out.
    fn board(&mut self, room: usize) -> Vec<Waiting<Q, A, E>> {
        let (mut boarded, mut size) = (Vec::new(), 0);
        while let Some(next) = self.waiting.pop_front() {
            if next.answer.is_closed() {
                continue;
            }
            size += next.question.size();
            if size > room && !boarded.is_empty() {
                self.waiting.push_front(next);
                break;
            }
            boarded.push(next);
        }
        boarded
    }
}

/// A flight under way. However it ends, those who wait leave on the next one.
struct Flight<Q: Question, A: Send + 'static, E: Send + Sync + 'static>(Arc<Shared<Q, A, E>>);

impl<Q: Question, A: Send + 'static, E: Send + Sync + 'static> Flight<Q, A, E> {
    /// Without a runtime, which is then going down, the passengers are lost. What is done for all of them is seen
    /// in the trace of the first that is traced.
    fn start(self, boarded: Vec<Waiting<Q, A, E>>) {
        let traced = boarded.iter().map(|waiting| &waiting.span).find(|span| !span.is_none());
        let span = traced.cloned().unwrap_or_else(Span::none);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(self.fly(boarded).instrument(span));
        }
    }

    async fn fly(self, boarded: Vec<Waiting<Q, A, E>>) {
        let (questions, callers): (Vec<_>, Vec<_>) =
            boarded.into_iter().map(|waiting| (waiting.question, waiting.answer)).unzip();
        // A caller who has gone away does not take the answer, which is why results of `send` are dropped.
        match (self.0.fly)(questions).await {
            Ok(answers) if answers.len() == callers.len() => {
                for (caller, answer) in callers.into_iter().zip(answers) {
                    drop(caller.send(Ok(answer)));
                }
            }
            // The callers are dropped, and hear that their questions were lost.
            Ok(_) => {}
            Err(error) => {
                let error = Arc::new(error);
                for caller in callers {
                    drop(caller.send(Err(Unanswered::Failed(Arc::clone(&error)))));
                }
            }
        }
    }
}

impl<Q: Question, A: Send + 'static, E: Send + Sync + 'static> Drop for Flight<Q, A, E> {
    fn drop(&mut self) {
        if let Some(boarded) = self.0.land() {
            Self(Arc::clone(&self.0)).start(boarded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt as _, future::join_all};
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };
    use tokio::{sync::Semaphore, task::yield_now, time::timeout};

    impl Question for usize {
        fn size(&self) -> usize {
            1
        }
    }

    /// Echoes questions with the number of their flight, once it is let through the barrier.
    struct Echo {
        coalescer: Arc<Coalescer<usize, (usize, usize), &'static str>>,
        barrier: Arc<Semaphore>,
        under_way: Arc<AtomicUsize>,
    }

    const POISON: usize = 666;
    const BOMB: usize = 667;
    const MISCOUNTED: usize = 668;

    fn echo(flights: usize, room: usize) -> Echo {
        let (barrier, under_way) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let number = AtomicUsize::new(0);
        let (held, most) = (Arc::clone(&barrier), Arc::clone(&under_way));
        let coalescer = Coalescer::new(Limits { flights, room }, move |questions: Vec<usize>| {
            let (number, barrier, under_way) =
                (number.fetch_add(1, Ordering::SeqCst), Arc::clone(&held), Arc::clone(&most));
            async move {
                assert!(under_way.fetch_add(1, Ordering::SeqCst) < flights, "too many flights");
                barrier.acquire().await.unwrap().forget();
                under_way.fetch_sub(1, Ordering::SeqCst);
                assert!(!questions.contains(&BOMB), "boom");
                if questions.contains(&POISON) {
                    return Err("poisoned");
                }
                let answers: Vec<_> = questions.iter().map(|question| (*question, number)).collect();
                Ok(if questions.contains(&MISCOUNTED) { Vec::new() } else { answers })
            }
            .boxed()
        });
        Echo { coalescer: Arc::new(coalescer), barrier, under_way }
    }

    impl Echo {
        /// Asks in a task of its own, and waits until the question is in.
        async fn ask(
            &self,
            question: usize,
        ) -> tokio::task::JoinHandle<Result<(usize, usize), Unanswered<&'static str>>> {
            let coalescer = Arc::clone(&self.coalescer);
            let asked = tokio::spawn(async move { coalescer.ask(question).await });
            for _ in 0..4 {
                yield_now().await;
            }
            asked
        }
    }

    #[tokio::test]
    async fn the_first_leaves_at_once_and_the_rest_leave_together() {
        let echo = echo(1, 100);
        let mut asked = Vec::new();
        for question in 0..5 {
            asked.push(echo.ask(question).await);
        }
        assert_eq!(echo.under_way.load(Ordering::SeqCst), 1);
        echo.barrier.add_permits(2);
        let answers: Vec<_> = join_all(asked).await.into_iter().map(|answer| answer.unwrap().unwrap()).collect();
        assert_eq!(answers, [(0, 0), (1, 1), (2, 1), (3, 1), (4, 1)]);
    }

    #[tokio::test]
    async fn there_are_as_many_flights_as_allowed_and_they_are_never_overbooked() {
        let echo = echo(2, 3);
        let mut asked = Vec::new();
        for question in 0..9 {
            asked.push(echo.ask(question).await);
        }
        assert_eq!(echo.under_way.load(Ordering::SeqCst), 2);
        echo.barrier.add_permits(100);
        let answers = join_all(asked).await.into_iter().map(|answer| answer.unwrap().unwrap());
        let flights: Vec<_> = answers.map(|(_, flight)| flight).collect();
        assert_eq!(flights, [0, 1, 2, 2, 2, 3, 3, 3, 4]);
    }

    #[tokio::test]
    async fn a_question_larger_than_the_room_flies_alone() {
        let echo = echo(1, 0);
        echo.barrier.add_permits(100);
        let answers = join_all((0..4).map(|question| echo.coalescer.ask(question))).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, [(0, 0), (1, 1), (2, 2), (3, 3)]);
    }

    #[tokio::test]
    async fn a_flight_that_fails_fails_for_all_on_it_and_nobody_else() {
        let echo = echo(1, 2);
        let mut asked = Vec::new();
        for question in [0, POISON, 1, 2, MISCOUNTED, 3, BOMB, 4, 5] {
            asked.push(echo.ask(question).await);
        }
        echo.barrier.add_permits(100);
        let answers: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
        assert!(matches!(answers[0], Ok((0, 0))));
        assert!(answers[1..3].iter().all(|a| matches!(a, Err(Unanswered::Failed(error)) if **error == "poisoned")));
        assert!(answers[3..5].iter().all(|a| matches!(a, Err(Unanswered::Lost))), "miscounted: {answers:?}");
        assert!(answers[5..7].iter().all(|a| matches!(a, Err(Unanswered::Lost))), "panicked: {answers:?}");
        assert!(matches!(answers[7..], [Ok((4, 4)), Ok((5, 4))]), "{answers:?}");
    }

    #[tokio::test]
    async fn those_who_go_away_break_nothing_for_the_others() {
        let echo = echo(1, 100);
        let first = echo.ask(0).await;
        let (second, third) = (echo.ask(1).await, echo.ask(2).await);
        first.abort();
        second.abort();
        assert!(first.await.unwrap_err().is_cancelled() && second.await.unwrap_err().is_cancelled());
        echo.barrier.add_permits(100);
        assert_eq!(third.await.unwrap().unwrap(), (2, 1));
        assert_eq!(echo.coalescer.ask(3).await.unwrap(), (3, 2));
    }

    /// Every answer comes from a flight that started after its question was asked.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_answer_is_older_than_its_question() {
        let clock = Arc::new(AtomicUsize::new(0));
        let read = Arc::clone(&clock);
        let coalescer = Coalescer::<usize, usize, ()>::new(Limits { flights: 2, room: 7 }, move |questions| {
            let read = Arc::clone(&read);
            async move {
                let now = read.load(Ordering::SeqCst);
                yield_now().await;
                Ok(vec![now; questions.len()])
            }
            .boxed()
        });
        let coalescer = Arc::new(coalescer);
        let callers = (0..32).map(|_| {
            let (coalescer, clock) = (Arc::clone(&coalescer), Arc::clone(&clock));
            tokio::spawn(async move {
                for _ in 0..200 {
                    let written = clock.fetch_add(1, Ordering::SeqCst) + 1;
                    let seen = coalescer.ask(written).await.unwrap();
                    assert!(seen >= written, "asked at {written}, answered from {seen}");
                }
            })
        });
        let all = timeout(Duration::from_mins(1), join_all(callers)).await.unwrap();
        assert!(all.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn what_is_done_for_several_is_seen_in_the_trace_of_the_first_that_is_traced() {
        let _heard = tracing::subscriber::set_default(tracing_subscriber::registry());
        let seen = Arc::new(Mutex::new(vec![]));
        let notes = Arc::clone(&seen);
        let coalescer = Coalescer::new(Limits { flights: 1, room: 100 }, move |questions: Vec<usize>| {
            let notes = Arc::clone(&notes);
            async move {
                notes.lock().unwrap().push((questions.clone(), Span::current().id()));
                Ok::<_, &str>(questions)
            }
            .boxed()
        });
        let untraced = tracing::error_span!(target: traced::UNTRACED, "request");
        let traced = tracing::error_span!("request");
        let another = tracing::error_span!("request");
        let asked = [(0, untraced.clone()), (1, untraced), (2, traced.clone()), (3, another)];
        join_all(asked.map(|(question, span)| coalescer.ask(question).instrument(span))).await;
        assert_eq!(*seen.lock().unwrap(), [(vec![0], None), (vec![1, 2, 3], traced.id())]);
    }
}
