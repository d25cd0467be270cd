//! A chart as a picture, drawn by plotters with a font of our own, so that it looks the same everywhere.

use std::sync::OnceLock;

use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::dto::{Chart, Curve, PictureFormat};
use crate::{ApiError, ErrorCode};

const FONT: &[u8] = include_bytes!("../../../../../assets/fonts/DejaVuSans.ttf");
const FAMILY: &str = "sans-serif";
/// Pixels.
const SIZE: (u32, u32) = (1200, 720);
/// Okabe and Ito's hues, which people with any kind of colour vision tell apart.
const HUES: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];
/// How much of a raw line is seen under its smoothed one.
const FAINT: f64 = 0.25;

/// Draws a chart; the bytes of a PNG or SVG file.
///
/// # Errors
/// `Internal` where drawing or encoding fails.
pub(crate) fn draw(
    chart: &Chart,
    logarithmic: bool,
    format: PictureFormat,
) -> Result<Vec<u8>, ApiError> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    if !REGISTERED.get_or_init(|| register_font(FAMILY, FontStyle::Normal, FONT).is_ok()) {
        return Err(failed("the font cannot be read"));
    }
    match format {
        PictureFormat::Svg => {
            let mut text = String::new();
            plot(SVGBackend::with_string(&mut text, SIZE), chart, logarithmic)?;
            Ok(text.into_bytes())
        }
        PictureFormat::Png => {
            let mut pixels = vec![0; (SIZE.0 * SIZE.1 * 3) as usize];
            plot(
                BitMapBackend::with_buffer(&mut pixels, SIZE),
                chart,
                logarithmic,
            )?;
            png(pixels)
        }
    }
}

fn failed(cause: impl std::fmt::Display) -> ApiError {
    ApiError::new(
        ErrorCode::Internal,
        format!("The chart could not be drawn: {cause}."),
        "Please report this as a bug; the table of the same values can be copied.",
    )
}

fn png(pixels: Vec<u8>) -> Result<Vec<u8>, ApiError> {
    let picture = image::RgbImage::from_raw(SIZE.0, SIZE.1, pixels)
        .ok_or_else(|| failed("the picture has another size"))?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageOutputFormat::Png)
        .map_err(failed)?;
    Ok(bytes.into_inner())
}

fn plot<B: DrawingBackend>(backend: B, chart: &Chart, logarithmic: bool) -> Result<(), ApiError> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE).map_err(failed)?;
    let (low, high) = range(&chart.curves);
    match logarithmic && chart.can_be_logarithmic {
        true => plot_on(&area, chart, (low * 0.9..high * 1.1).log_scale()),
        false => {
            let margin = (high - low).max(high.abs() * 1e-3).max(1e-9) * 0.05;
            plot_on(&area, chart, low - margin..high + margin)
        }
    }?;
    area.present().map_err(failed)
}

fn plot_on<B, Y>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    chart: &Chart,
    axis: Y,
) -> Result<(), ApiError>
where
    B: DrawingBackend,
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let last = chart
        .curves
        .iter()
        .filter_map(|curve| curve.steps.last())
        .max();
    let last = last.copied().unwrap_or(0).max(1);
    let mut plot = ChartBuilder::on(area)
        .margin(24)
        .caption(&chart.title, (FAMILY, 30))
        .x_label_area_size(56)
        .y_label_area_size(96)
        .build_cartesian_2d(0..last, axis)
        .map_err(failed)?;
    plot.configure_mesh()
        .x_desc("step")
        .y_desc(&chart.unit)
        .label_style((FAMILY, 18))
        .axis_desc_style((FAMILY, 18))
        .light_line_style(WHITE)
        .y_label_formatter(&|value| words(*value))
        .draw()
        .map_err(failed)?;
    for (place, curve) in chart.curves.iter().enumerate() {
        let hue = HUES[place % HUES.len()];
        let points = |values: &[f64]| -> Vec<(u64, f64)> {
            curve
                .steps
                .iter()
                .copied()
                .zip(values.iter().copied())
                .collect()
        };
        if curve.held_out {
            let dots = points(&curve.values).into_iter();
            plot.draw_series(dots.map(|at| Circle::new(at, 4, hue.filled())))
                .map_err(failed)?;
        } else if curve.values != curve.smoothed {
            let raw = LineSeries::new(points(&curve.values), hue.mix(FAINT));
            plot.draw_series(raw).map_err(failed)?;
        }
        plot.draw_series(LineSeries::new(
            points(&curve.smoothed),
            hue.stroke_width(2),
        ))
        .map_err(failed)?
        .label(&curve.name)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], hue.stroke_width(3)));
    }
    plot.configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.2))
        .label_font((FAMILY, 18))
        .draw()
        .map_err(failed)
}

/// The smallest and the largest value.
fn range(curves: &[Curve]) -> (f64, f64) {
    let values = curves.iter().flat_map(|curve| &curve.values);
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(*value), high.max(*value))
    })
}

/// A value at an axis: as short as it can be told apart.
fn words(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e5).contains(&size) {
        return format!("{value:.1e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dto::ChartKind;

    fn chart(values: &[f64]) -> Chart {
        Chart {
            kind: ChartKind::Loss,
            title: "Loss of a run".to_owned(),
            unit: "nats".to_owned(),
            about: String::new(),
            can_be_logarithmic: true,
            curves: vec![Curve {
                name: "each step".to_owned(),
                held_out: false,
                steps: (1..=values.len() as u64).collect(),
                values: values.to_vec(),
                smoothed: values.to_vec(),
            }],
        }
    }

    #[test]
    fn a_picture_shows_title_axes_and_the_line_itself() {
        let draw_svg = |values: &[f64], logarithmic| {
            let bytes = draw(&chart(values), logarithmic, PictureFormat::Svg).expect("a picture");
            String::from_utf8(bytes).expect("text")
        };
        let text = draw_svg(&[3.0, 2.0, 1.0], false);
        for word in [
            "<svg",
            "Loss of a run",
            "nats",
            "step",
            "each step",
            "polyline",
        ] {
            assert!(text.contains(word), "{word} is missing");
        }
        assert_ne!(text, draw_svg(&[3.0, 1.0, 1.0], false), "other values");
        assert_ne!(text, draw_svg(&[3.0, 2.0, 1.0], true), "another axis");
    }

    #[test]
    fn pixels_are_drawn_without_a_font_of_the_system() {
        let decode = |values: &[f64]| {
            let bytes = draw(&chart(values), false, PictureFormat::Png).expect("a picture");
            image::load_from_memory(&bytes).expect("a PNG").to_rgb8()
        };
        let falling = decode(&[3.0, 2.0, 1.0]);
        assert_eq!(falling.dimensions(), SIZE);
        let hue = image::Rgb([HUES[0].0, HUES[0].1, HUES[0].2]);
        let coloured = falling.pixels().filter(|&&pixel| pixel == hue).count();
        assert!(coloured > 500, "{coloured} pixels of the line's hue");
        // The title: dark pixels at the top, which are letters.
        let dark = falling
            .enumerate_pixels()
            .filter(|(_, y, pixel)| *y < 60 && pixel.0.iter().all(|part| *part < 80));
        assert!(dark.count() > 200, "no title");
        assert_ne!(falling, decode(&[1.0, 2.0, 3.0]));
    }

    #[test]
    fn one_value_and_equal_values_have_a_range() {
        for values in [&[0.0][..], &[2.5, 2.5], &[-1e9, 1e9]] {
            draw(&chart(values), false, PictureFormat::Png).expect("a picture");
        }
    }

    #[test]
    fn values_are_short() {
        let check = |value: f64, expected: &str| assert_eq!(words(value), expected);
        check(0.0, "0");
        check(2.5, "2.5");
        check(-0.1, "-0.1");
        check(2e-4, "2.0e-4");
        check(12_000.0, "12000");
        check(3e6, "3.0e6");
    }
}
