//! Figures as SVG: how soon tickets are matched under each policy, and how long the rarer ones wait.
//!
//! Narrow, with large letters, so that it can be read on a phone; on a white ground of its own, so that it can be read in a dark page.

use std::error::Error;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{IntoSegmentedCoord, SegmentValue};
use plotters::prelude::*;

use crate::report::{Bucket, Figures, Report};

impl Report {
    /// The picture as text.
    pub fn svg(&self) -> String {
        let mut text = String::new();
        self.draw(&mut text).expect("a text takes all that is drawn");
        text
    }

    fn draw(&self, text: &mut String) -> Drawn {
        let area = SVGBackend::with_string(text, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let (upper, lower) = area.split_vertically(SIZE.1 / 2);
        self.draw_curves(&upper)?;
        self.draw_rarities(&lower)?;
        area.present()?;
        Ok(())
    }

    fn draw_curves(&self, area: &Area<'_>) -> Drawn {
        let (least, most) = (0.01, 100.0);
        let mut chart = ChartBuilder::on(area)
            .caption("Tickets matched within a time", ("sans-serif", TITLE))
            .margin(MARGIN)
            .x_label_area_size(64)
            .y_label_area_size(78)
            .build_cartesian_2d((least..most).log_scale(), 0.0..100.0)?;
        chart
            .configure_mesh()
            .x_desc("seconds")
            .y_desc("%")
            .x_labels(5)
            .y_labels(6)
            .x_label_formatter(&|seconds| format!("{seconds}"))
            .y_label_formatter(&|percent| format!("{percent:.0}"))
            .label_style(("sans-serif", LABELS))
            .axis_desc_style(("sans-serif", LABELS))
            .light_line_style(WHITE)
            .draw()?;
        // The matchmaker last, above the others.
        for (figures, color) in self.policies.iter().zip(COLORS).rev() {
            let points = figures.curve.iter().map(|(at, share)| (*at, share * 100.0));
            chart
                .draw_series(LineSeries::new(points, color.stroke_width(width(figures))))?
                .label(figures.policy.clone())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], color.stroke_width(4)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::Coordinate(10, 190))
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .label_font(("sans-serif", LABELS))
            .legend_area_size(32)
            .draw()?;
        Ok(())
    }

    fn draw_rarities(&self, area: &Area<'_>) -> Drawn {
        let shown = || self.policies.iter().zip(COLORS).filter(|(figures, _)| figures.has_own_pace());
        let Some(duet) = self.policies.first() else { return Ok(()) };
        let buckets = duet.by_rarity.len();
        let most =
            shown().flat_map(|(figures, _)| &figures.by_rarity).map(|bucket| bucket.waits.p99).fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .caption("Waits by rank of the commonest tag", ("sans-serif", TITLE))
            .margin(MARGIN)
            .x_label_area_size(64)
            .y_label_area_size(78)
            .build_cartesian_2d((0..buckets - 1).into_segmented(), 0.0..most * 1.1)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_desc("solid: half waited less; thin: one in a hundred waited more")
            .y_desc("seconds")
            .x_labels(buckets)
            .y_labels(6)
            .x_label_formatter(&|at| match at {
                SegmentValue::CenterOf(index) => duet.by_rarity.get(*index).map_or(String::new(), Bucket::name),
                SegmentValue::Exact(_) | SegmentValue::Last => String::new(),
            })
            .y_label_formatter(&|seconds| format!("{seconds:.0}"))
            .label_style(("sans-serif", LABELS))
            .axis_desc_style(("sans-serif", LABELS))
            .light_line_style(WHITE)
            .draw()?;
        for (figures, color) in shown().collect::<Vec<_>>().into_iter().rev() {
            let points = |of: fn(&crate::Waits) -> f64| {
                let at = |(index, bucket): (usize, &Bucket)| (SegmentValue::CenterOf(index), of(&bucket.waits));
                figures.by_rarity.iter().enumerate().map(at).collect::<Vec<_>>()
            };
            chart.draw_series(LineSeries::new(points(|waits| waits.p99), color.stroke_width(2)).point_size(3))?;
            let halves = LineSeries::new(points(|waits| waits.p50), color.stroke_width(4)).point_size(6);
            chart.draw_series(halves)?;
        }
        Ok(())
    }
}

impl Figures {
    /// Those who match at once would all lie on the ground.
    fn has_own_pace(&self) -> bool {
        self.by_rarity.iter().any(|bucket| bucket.waits.p50 >= 0.3) || self.policy == crate::Policy::Duet.to_string()
    }
}

fn width(figures: &Figures) -> u32 {
    if figures.policy == crate::Policy::Duet.to_string() { 5 } else { 3 }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const SIZE: (u32, u32) = (760, 1080);
const MARGIN: u32 = 16;
const TITLE: u32 = 32;
const LABELS: u32 = 24;
/// Told apart by those who don't see red and green apart, too; in the order of [`crate::Policy::ALL`].
const COLORS: [RGBColor; 5] = [
    RGBColor(0, 90, 181),
    RGBColor(120, 120, 120),
    RGBColor(204, 121, 167),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
];
