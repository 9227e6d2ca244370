//! What is counted, in the format that whoever reads it likes best.

use super::exemplars::Exemplars;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, header};
use metrics_exporter_prometheus::PrometheusHandle;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Reads the recorder of this process.
#[derive(Clone)]
pub struct Reader {
    /// The recorder.
    pub handle: PrometheusHandle,
    /// What traced requests leave beside it.
    pub exemplars: Exemplars,
}

impl Reader {
    /// All that is counted, as Prometheus' text, or as `OpenMetrics` where that is liked as well.
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        let text = self.handle.render();
        if likes_open_metrics(headers) {
            ([(header::CONTENT_TYPE, OPEN_METRICS)], self.exemplars.open_metrics(&text)).into_response()
        } else {
            ([(header::CONTENT_TYPE, TEXT)], text).into_response()
        }
    }
}

/// Whether `OpenMetrics` is asked for by name, and liked no less than plain text is.
fn likes_open_metrics(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<_> = values.flat_map(|value| value.split(',')).collect();
    let liked = |media: &str| {
        let weights = ranges.iter().filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            parts.next().filter(|of| of.eq_ignore_ascii_case(media))?;
            Some(parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0_f32))
        });
        weights.fold(0.0, f32::max)
    };
    let open = liked("application/openmetrics-text");
    open > 0.0 && open >= liked("text/plain")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn open_metrics_is_for_those_who_ask_for_it() {
        let likes = |accept: &'static str| {
            likes_open_metrics(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        // What Prometheus sends, of 2023 and of 2025.
        assert!(likes(
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        ));
        assert!(likes(
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
        ));
        assert!(likes("application/openmetrics-text"));
        for other in
            ["*/*", "text/plain", "application/openmetrics-text;q=0", "text/plain, application/openmetrics-text;q=0.5"]
        {
            assert!(!likes(other), "{other}");
        }
        assert!(!likes_open_metrics(&HeaderMap::new()));
    }
}
