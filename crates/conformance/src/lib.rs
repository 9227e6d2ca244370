//! What every adapter of a port must do, as one suite per port. For tests only.
//!
//! An adapter's test file names an async function that makes what the suite is about, and invokes the
//! suite's macro with it; each case becomes one `#[tokio::test]`:
//!
//! ```text
//! async fn engine() -> Arc<dyn Authorizer> { … }
//! conformance::authorizer!(engine);
//!
//! async fn world() -> World { … }
//! conformance::tasks!(world);
//! ```
//!
//! The contract is the doc comments of the ports. Cases make their own tenants and ids, so any number
//! of them can share one database; they never look at rows they did not make. There is no back door to
//! permits: the suites mint them through the real [`authz::Gate`].
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a case fails by panicking"
)]

pub mod corpus;
mod dice;
mod extents;
mod found;
mod pages;
mod scanned;
mod world;

pub use dice::Dice;
pub use scanned::{Readable, Registry, Scanned};
pub use world::{Cast, ForgetEvent, World, fresh, may};

/// Writes down which cases make up a suite, and the macro that runs them. A case that no suite names
/// is dead code, so it cannot be forgotten.
macro_rules! suite {
    ($d:tt $suite:ident($subject:ty) { $($file:ident: [$($case:ident),+ $(,)?]),+ $(,)? }) => {
        $($(
            #[doc = concat!("The case `", stringify!($case), "`.")]
            pub async fn $case(subject: &$subject) {
                $file::$case(subject).await;
            }
        )+)+

        /// Every case of the suite, one after the other: for a subject that is dear to make.
        pub async fn every_case(subject: &$subject) {
            $($($case(subject).await;)+)+
        }

        #[doc = concat!("Runs the suite `", stringify!($suite), "` on what the named async function makes.")]
        #[macro_export]
        macro_rules! $suite {
            ($d make:ident) => {
                mod $suite {
                    $($(
                        #[::tokio::test]
                        async fn $case() {
                            $crate::suites::$suite::$case(&super::$d make().await).await;
                        }
                    )+)+
                }
            };
        }
    };
}

pub mod suites;
