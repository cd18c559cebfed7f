//! The chart: an SVG that stands by itself, for light and dark pages. Above, how near each server comes to
//! the floor, with the 95 % interval and the goal; below, the bytes of an idle connection.

use std::fmt::Write as _;

use super::report::figure;
use super::results::{Column, Results, Row};
use super::servers::{Contender, Server};
use super::statistics::median;
use crate::scenario::{Goal, Unit};

const WIDTH: f64 = 880.0;
/// Where the bars begin and end; names stand on the left, room for a figure is on the right.
const LEFT: f64 = 196.0;
const RIGHT: f64 = 800.0;
const BAR: f64 = 9.0;
const BAR_STEP: f64 = 12.0;
const GROUP_GAP: f64 = 14.0;
/// The servers that have bars, with the class of their colour.
const SERIES: [(Server, &str); 3] =
    [(Server::Enchufe, "own"), (Server::Socketioxide, "rust"), (Server::Node, "node")];

const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-size:12px;fill:#1f2328}\
.card{fill:#fff;stroke:#d1d9e0}.title{font-size:15px;font-weight:600}.muted{fill:#59636e}.figure{font-size:10px}.halo{paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}\
.grid{stroke:#e4e8ec}.floor{stroke:#1f2328;stroke-width:1.5}.goal{stroke:#cf222e;stroke-width:2}.range{stroke:#1f2328;stroke-opacity:.55}\
.own{fill:#0969da}.rust{fill:#bf8700}.node{fill:#8c959f}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.halo{stroke:#0d1117}.card{fill:#0d1117;stroke:#3d444d}.muted{fill:#9198a1}\
.grid{stroke:#262c36}.floor{stroke:#f0f6fc}.goal{stroke:#ff7b72}.range{stroke:#f0f6fc}\
.own{fill:#4493f8}.rust{fill:#d29922}.node{fill:#656c76}}";

/// The whole chart.
pub(super) fn draw(results: &Results) -> String {
    let ratios: Vec<&Row> = rows(results, |row| row.scenario.unit() == Unit::PerCpuSecond);
    let memory: Vec<&Row> = rows(results, |row| {
        row.scenario.unit() == Unit::Bytes && matches!(row.scenario.goal(), Some(Goal::Max(_)))
    });
    let mut canvas = Canvas { body: String::new(), y: 34.0, labels: Vec::new() };
    canvas.text(24.0, "title", "start", "Messages per server CPU second, as a ratio to a bare epoll loop");
    canvas.y += 22.0;
    canvas.legend();
    canvas.y += 26.0;
    canvas.ratios(&ratios);
    if !memory.is_empty() {
        canvas.y += 30.0;
        canvas.text(24.0, "title", "start", "Resident bytes of the server per idle connection");
        canvas.y += 24.0;
        canvas.memory(&memory);
    }
    canvas.y += 12.0;
    let stamp = format!(
        "{} · {} · medians of {} interleaved rounds, bars with 95 % intervals",
        results.date, results.machine, results.rounds
    );
    canvas.text(24.0, "muted figure", "start", &stamp);
    for (x, y, label) in std::mem::take(&mut canvas.labels) {
        canvas.put(x, y, "figure halo", "start", &label);
    }
    let height = canvas.y + 20.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>Enchufe beside other servers, measured against a bare epoll loop</title>\n<style>{STYLE}</style>\n\
         <rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n{}</svg>\n",
        WIDTH - 1.0,
        height - 1.0,
        canvas.body
    )
}

fn rows(results: &Results, belongs: impl Fn(&Row) -> bool) -> Vec<&Row> {
    results.rows.iter().filter(|row| belongs(row)).collect()
}

/// The columns of the series, with one worker.
fn series(row: &Row) -> impl Iterator<Item = (&Column, &'static str)> {
    SERIES.iter().filter_map(|&(server, class)| Some((row.column(Contender::new(server, 1))?, class)))
}

/// What is drawn so far, and how far down.
struct Canvas {
    body: String,
    y: f64,
    /// Figures beside their bars.
    labels: Vec<(f64, f64, String)>,
}

impl Canvas {
    fn ratios(&mut self, rows: &[&Row]) {
        let ratio = |row: &Row, column: &Column| row.to_floor(column).map_or(0.0, |ratio| ratio.high);
        let all = rows.iter().flat_map(|row| series(row).map(|(column, _)| ratio(row, column)));
        let goals = rows.iter().filter_map(|row| floor_goal(row));
        let most = all.chain(goals).fold(1.1, f64::max);
        let scale = Scale { most: (most * 10.0).ceil() / 10.0 };
        let top = self.y;
        let bottom = top + rows.iter().map(|row| height(row)).sum::<f64>();
        for tick in 0..=(scale.most * 5.0).floor() as u32 {
            let value = f64::from(tick) / 5.0;
            self.vertical(scale.x(value), top - 4.0, bottom - 6.0, "grid");
            let label = if tick == 5 { "the floor".into() } else { format!("{value:.1}") };
            self.put(scale.x(value), bottom + 10.0, "muted figure", "middle", &label);
        }
        self.vertical(scale.x(1.0), top - 4.0, bottom - 6.0, "floor");
        for row in rows {
            let begun = self.y;
            for (column, class) in series(row) {
                match row.to_floor(column) {
                    Some(ratio) => {
                        let figure = format!("{:.2}", ratio.value);
                        self.bar(scale.x(ratio.value), class, scale.x(ratio.high), &figure);
                        self.range(scale.x(ratio.low), scale.x(ratio.high));
                    }
                    None => self.put(LEFT + 4.0, self.y + 8.0, "muted figure", "start", "no figure"),
                }
                self.y += BAR_STEP;
            }
            self.name(begun, row);
            if let Some(goal) = floor_goal(row) {
                self.vertical(scale.x(goal), begun - 3.0, self.y, "goal");
            }
            self.y += GROUP_GAP;
        }
        self.y += 10.0;
    }

    fn memory(&mut self, rows: &[&Row]) {
        let value = |column: &Column| median(&column.figures).map_or(0.0, |median| median.value.max(0.0));
        let all = rows.iter().flat_map(|row| series(row).map(|(column, _)| value(column)));
        let scale = Scale { most: all.fold(1.0, f64::max) };
        for row in rows {
            let begun = self.y;
            for (column, class) in series(row) {
                let value = value(column);
                let text =
                    if column.failure.is_some() { "failed".into() } else { figure(Unit::Bytes, value) };
                self.bar(scale.x(value), class, scale.x(value), &text);
                self.y += BAR_STEP;
            }
            self.name(begun, row);
            if let Some(Goal::Max(goal)) = row.scenario.goal() {
                self.vertical(scale.x(goal), begun - 3.0, self.y, "goal");
            }
            self.y += GROUP_GAP;
        }
    }

    fn legend(&mut self) {
        let mut x = 24.0;
        for (server, class) in SERIES {
            let title = Contender::new(server, 1).title();
            let _ = writeln!(
                self.body,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{}\" width=\"10\" height=\"10\" rx=\"2\"/>",
                self.y - 9.0
            );
            self.put(x + 15.0, self.y, "", "start", &title);
            x += 44.0 + 6.2 * title.len() as f64;
        }
        self.vertical(x + 2.0, self.y - 11.0, self.y + 3.0, "goal");
        self.put(x + 9.0, self.y, "", "start", "goal of Enchufe");
    }

    /// The name of a row, beside the middle of its bars.
    fn name(&mut self, begun: f64, row: &Row) {
        let middle = f64::midpoint(begun, self.y - (BAR_STEP - BAR)) + 4.0;
        self.put(LEFT - 12.0, middle, "", "end", row.scenario.short());
    }

    fn bar(&mut self, to: f64, class: &str, figure_from: f64, figure: &str) {
        let _ = writeln!(
            self.body,
            "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\"/>",
            self.y,
            (to - LEFT).max(1.0)
        );
        // Drawn at the end, so that no line crosses it.
        self.labels.push((figure_from + 5.0, self.y + 8.0, figure.to_owned()));
    }

    fn range(&mut self, low: f64, high: f64) {
        let y = self.y + BAR / 2.0;
        let _ = writeln!(
            self.body,
            "<path class=\"range\" d=\"M{low:.1} {y:.1}H{high:.1}M{low:.1} {:.1}v5M{high:.1} {:.1}v5\"/>",
            y - 2.5,
            y - 2.5
        );
    }

    fn vertical(&mut self, x: f64, from: f64, to: f64, class: &str) {
        let _ = writeln!(self.body, "<path class=\"{class}\" d=\"M{x:.1} {from:.1}V{to:.1}\"/>");
    }

    fn text(&mut self, x: f64, class: &str, anchor: &str, text: &str) {
        self.put(x, self.y, class, anchor, text);
    }

    fn put(&mut self, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
        let _ = writeln!(
            self.body,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
            escaped(text)
        );
    }
}

/// A scale from zero at `LEFT`.
struct Scale {
    /// The value at `RIGHT`.
    most: f64,
}

impl Scale {
    fn x(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * value / self.most
    }
}

fn floor_goal(row: &Row) -> Option<f64> {
    match row.scenario.goal()? {
        Goal::MinOfFloor(goal) => Some(goal),
        _ => None,
    }
}

fn height(row: &Row) -> f64 {
    series(row).count() as f64 * BAR_STEP + GROUP_GAP
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::row;
    use super::*;
    use crate::scenario::Scenario;

    fn results() -> Results {
        let mut results = Results::new(9, 500, false);
        results.machine = "2 cores <of> R&D".into();
        results.rows.push(row(Scenario::Echo1, [&[200.0; 9], &[180.0; 9], &[100.0; 9], &[20.0; 9]]));
        results.rows.push(row(Scenario::Rooms, [&[100.0; 9], &[130.0; 9], &[30.0; 9], &[10.0; 9]]));
        results.rows.push(row(Scenario::Idle, [&[100.0], &[1_300.0], &[29_453.0], &[11_749.0]]));
        results
    }

    /// Where bars of a class end.
    fn ends(chart: &str, class: &str) -> Vec<f64> {
        let bars =
            chart.lines().filter(|line| line.starts_with(&format!("<rect class=\"{class}\" x=\"196\"")));
        bars.map(|line| {
            let width = line.split_once("width=\"").unwrap().1;
            LEFT + width[..width.find('"').unwrap()].parse::<f64>().unwrap()
        })
        .collect()
    }

    #[test]
    fn bars_are_as_long_as_their_ratios_and_stay_on_the_card() {
        let chart = draw(&results());
        let (own, rust) = (ends(&chart, "own"), ends(&chart, "rust"));
        assert_eq!((own.len(), rust.len()), (3, 3));
        let length = |end: f64| end - LEFT;
        assert!((length(own[0]) / length(rust[0]) - 0.9 / 0.5).abs() < 0.01);
        // The scale reaches to the longest, which is beyond the floor.
        assert!((own[1] - RIGHT).abs() < 0.2 && rust[2] <= RIGHT + 0.1);
    }

    #[test]
    fn the_markup_is_closed_and_escaped() {
        let chart = draw(&results());
        assert!(chart.contains("2 cores &lt;of&gt; R&amp;D"));
        for tag in ["svg", "style", "title"] {
            assert_eq!(
                chart.matches(&format!("<{tag}")).count(),
                chart.matches(&format!("</{tag}>")).count()
            );
        }
        assert_eq!(chart.matches("<text").count(), chart.matches("</text>").count());
        assert!(!chart.contains("NaN") && !chart.contains("inf"));
    }

    #[test]
    fn a_failed_server_leaves_a_gap_and_not_a_bar() {
        let mut results = results();
        results.rows[0].columns[2].failure = Some("gone".into());
        let chart = draw(&results);
        assert_eq!(ends(&chart, "rust").len(), 2);
        assert!(chart.contains("no figure"));
    }
}
