//! Turning the pages of a list.

use authz::{After, Page, Start, Window};

/// All rows of a list, found page by page: each page starts behind the last row of the one before.
pub(crate) async fn walk<T>(
    mut window: Window,
    page: impl AsyncFn(&Window) -> Page<T>,
    after: impl Fn(&T) -> After,
) -> Vec<T> {
    let mut found = Vec::new();
    loop {
        let Page { rows, more } = page(&window).await;
        assert!(!more || rows.len() == window.limit as usize, "a page that is short and not the last");
        if let Some(last) = rows.last() {
            window.start = Start::After(after(last));
        }
        found.extend(rows);
        if !more {
            return found;
        }
    }
}
