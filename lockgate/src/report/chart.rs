//! Charts as SVG, drawn by hand: a line over axes with round numbers.
//!
//! Text is escaped, so that no name of a policy ends an element. Not here: what is
//! measured ([`crate::endpoints::Measured`]) and where the file goes.

use std::fmt::Write;

use hdrhistogram::Histogram;

/// The size of a chart, and the part that the line has, in pixels.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 830.0;
const TOP: f64 = 100.0;
const BOTTOM: f64 = 420.0;

/// One chart. Points and ticks are places from 0 to 1, left to right and bottom to top.
#[derive(Debug, Clone, Default)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// How it was measured.
    pub note: String,
    /// What the axes are.
    pub axes: [String; 2],
    /// Places on the horizontal axis and what they mean.
    pub columns: Vec<(f64, String)>,
    /// The same on the vertical axis.
    pub rows: Vec<(f64, String)>,
    /// The line.
    pub points: Vec<(f64, f64)>,
}

impl Chart {
    /// Frames per second by time: `steps` equal parts of `seconds`.
    pub fn of_rates(steps: &[u64], seconds: f64) -> Self {
        let per_step = steps.len() as f64 / seconds;
        let rates: Vec<f64> = steps
            .iter()
            .map(|frames| *frames as f64 * per_step)
            .collect();
        let (top, rows) = linear(rates.iter().copied().fold(0.0, f64::max));
        let (_, columns) = linear(seconds);
        let columns = columns.into_iter().filter(|at| *at <= seconds);
        let place = |at: usize| (at as f64 + 0.5) / steps.len() as f64;
        Self {
            axes: ["seconds".into(), "frames per second".into()],
            columns: columns.map(|at| (at / seconds, number(at))).collect(),
            rows: rows.into_iter().map(|at| (at / top, number(at))).collect(),
            points: rates
                .iter()
                .enumerate()
                .map(|(at, rate)| (place(at), rate / top))
                .collect(),
            ..Self::default()
        }
    }

    /// Latency by percentile, each nine as wide as the one before.
    pub fn of_latency(latency: &Histogram<u64>) -> Self {
        let nines = (latency.len().max(10) as f64).log10();
        let value = |nine: f64| latency.value_at_quantile(1.0 - 10_f64.powf(-nine)).max(1) as f64;
        let low = value(0.0).log10().floor();
        let high = (latency.max().max(1) as f64).log10().ceil().max(low + 1.0);
        let place = |ns: f64| (ns.log10() - low) / (high - low);
        let column = |nine: i32| {
            let percent = 100.0 - 10_f64.powi(2 - nine);
            (f64::from(nine) / nines, format!("{}%", number(percent)))
        };
        let points = (0..=200).map(|at| f64::from(at) / 200.0);
        let decades = low as i32..=high as i32;
        Self {
            axes: ["percentile".into(), "latency".into()],
            columns: (0..=nines as i32).map(column).collect(),
            rows: decades
                .map(|at| (place(10_f64.powi(at)), time(at)))
                .collect(),
            points: points.map(|at| (at, place(value(at * nines)))).collect(),
            ..Self::default()
        }
    }

    /// The chart as a whole SVG file.
    pub fn svg(&self) -> String {
        let mut svg = String::new();
        // Writing to a string does not fail.
        let _ = self.draw(&mut svg);
        svg
    }

    fn draw(&self, svg: &mut String) -> std::fmt::Result {
        let [title, note] = [&self.title, &self.note].map(|text| escape(text));
        writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"13\" fill=\"#333\">\n\
             <title>{title}</title>\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
             <text x=\"{LEFT}\" y=\"34\" font-size=\"19\">{title}</text>\n\
             <text x=\"{LEFT}\" y=\"58\" fill=\"#666\">{note}</text>"
        )?;
        for (at, label) in &self.rows {
            let y = BOTTOM - at * (BOTTOM - TOP);
            writeln!(
                svg,
                "<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"#ddd\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                escape(label)
            )?;
        }
        for (at, label) in &self.columns {
            let x = LEFT + at * (RIGHT - LEFT);
            writeln!(
                svg,
                "<path d=\"M{x:.1} {BOTTOM}v5\" stroke=\"#999\"/>\n\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                BOTTOM + 20.0,
                escape(label)
            )?;
        }
        let [across, up] = [&self.axes[0], &self.axes[1]].map(|text| escape(text));
        writeln!(
            svg,
            "<text x=\"{RIGHT}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#666\">{across}</text>\n\
             <text x=\"{LEFT}\" y=\"{:.1}\" fill=\"#666\">{up}</text>\n\
             <polyline fill=\"none\" stroke=\"#06c\" stroke-width=\"2\" points=\"{}\"/>\n</svg>",
            BOTTOM + 42.0,
            TOP - 8.0,
            self.line()
        )
    }

    fn line(&self) -> String {
        let place = |(x, y): &(f64, f64)| {
            let (x, y) = (
                LEFT + x * (RIGHT - LEFT),
                BOTTOM - y.clamp(0.0, 1.0) * (BOTTOM - TOP),
            );
            format!("{x:.1},{y:.1}")
        };
        self.points.iter().map(place).collect::<Vec<_>>().join(" ")
    }
}

/// The end of an axis for values up to `most`, and the round numbers on it from 0 on.
fn linear(most: f64) -> (f64, Vec<f64>) {
    let rough = most.max(f64::MIN_POSITIVE) / 5.0;
    let decade = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|round| round * decade);
    let step = step
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(10.0 * decade);
    let count = (most / step).ceil().max(1.0) as u32;
    (
        f64::from(count) * step,
        (0..=count).map(|at| f64::from(at) * step).collect(),
    )
}

/// A round number without the dust of its arithmetic.
fn number(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{} M", number(value / 1e6)),
        _ if value >= 1e4 => format!("{} k", number(value / 1e3)),
        _ => {
            let text = format!("{value:.6}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

/// A power of ten of nanoseconds.
fn time(power: i32) -> String {
    let unit = ["ns", "µs", "ms", "s"];
    let at = (power.max(0) / 3).min(3);
    format!(
        "{} {}",
        10_u64.pow((power - 3 * at).max(0) as u32),
        unit[at as usize]
    )
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers_beyond_the_largest_value() {
        assert_eq!(linear(9.0), (10.0, vec![0.0, 2.0, 4.0, 6.0, 8.0, 10.0]));
        assert_eq!(linear(0.5).0, 0.5);
        for most in [0.0, 1e-9, 1.0, 123_456.0, 1e12] {
            let (end, ticks) = linear(most);
            assert!(
                end >= most && (2..12).contains(&ticks.len()),
                "{most}: {ticks:?}"
            );
        }
    }

    #[test]
    fn numbers_and_times_are_short() {
        assert_eq!(
            ["0.1", "99.99", "20 k", "1.5 M"].map(String::from),
            [
                number(0.1),
                number(99.99),
                number(20_000.0),
                number(1_500_000.0)
            ]
        );
        assert_eq!(
            [0, 4, 6, 11].map(time),
            ["1 ns", "10 µs", "1 ms", "100 s"].map(String::from)
        );
    }

    #[test]
    fn a_chart_without_a_frame_is_a_chart() {
        let empty = Histogram::new_with_bounds(1, 1_000_000, 3).unwrap();
        for chart in [Chart::of_rates(&[0, 0], 1.0), Chart::of_latency(&empty)] {
            let svg = chart.svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn no_text_ends_its_element() {
        let title = "</title><script>&\"".to_owned();
        let svg = Chart {
            title,
            ..Chart::of_rates(&[1], 1.0)
        }
        .svg();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let title = document
            .descendants()
            .find(|node| node.has_tag_name("title"))
            .unwrap();
        assert_eq!(title.text(), Some("</title><script>&\""));
        assert!(
            !document
                .descendants()
                .any(|node| node.has_tag_name("script"))
        );
    }
}
