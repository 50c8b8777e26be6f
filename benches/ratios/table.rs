//! The table that is printed: figure, peer and ratio, in the order in which they were measured.

/// Who did the same in this run.
pub struct Peer {
    pub name: &'static str,
    pub figure: f64,
    /// The ratio that this project has set itself.
    pub aim: Option<f64>,
}

/// Rows so far; each is printed as it comes.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 5]>,
}

impl Table {
    /// Adds a figure, lower being better. The ratio says how many times more the peer takes.
    pub fn row(&mut self, what: &str, unit: &str, figure: f64, peer: Option<Peer>) {
        let mut row =
            [what.to_owned(), format!("{} {unit}", short(figure)), String::new(), String::new(), String::new()];
        if let Some(peer) = peer {
            let ratio = peer.figure / figure;
            row[2] = format!("{} {unit}", short(peer.figure));
            row[3] = format!("{}x", short(ratio));
            row[4] = match peer.aim {
                Some(aim) if ratio < aim => format!("{}, short of {aim}x", peer.name),
                _ => peer.name.to_owned(),
            };
        }
        eprintln!("{}: {} {} {}", row[0], row[1], row[2], row[3]);
        self.rows.push(row);
    }

    /// The whole table in markdown.
    pub fn print(&self) {
        let head = ["work", "memsentry", "peer", "ratio", "the peer is"].map(str::to_owned);
        let width = |column: usize| {
            self.rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let line = |row: &[String; 5]| {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
            println!("| {} |", cells.join(" | "));
        };
        line(&head);
        println!("|{}|", widths.iter().map(|width| "-".repeat(width + 2)).collect::<Vec<_>>().join("|"));
        self.rows.iter().for_each(line);
    }
}

/// Three digits that matter.
fn short(figure: f64) -> String {
    match figure.abs() {
        f if f >= 100.0 => format!("{figure:.0}"),
        f if f >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}
