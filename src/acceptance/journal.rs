//! The results of a run as they come, in a file of JSON lines, so that an interrupted run can be resumed.
//!
//! The first line says what is run; a run can only be resumed as what it was. A last line that was cut off by a crash
//! is left out. The guard of a run holds a lock on the file as long as it lives ([`lock`]), so that a resumed run does
//! not begin while its data from before is still being removed, and that two runs do not share a folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

use super::CriterionResult;
use super::report::{Promised, TargetSeen, TimelinePoint};

/// The file's name in the folder of the report.
pub const JOURNAL: &str = "progress.jsonl";

/// What is run; the same before and after an interruption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The version of memsentry; another one may measure in another way.
    pub memsentry: String,
    /// The run's id.
    pub run_id: String,
    /// When it began.
    pub began: Timestamp,
    /// Whether things may be broken.
    pub chaos: bool,
    /// What is validated; without the version that it says it is.
    pub target: TargetSeen,
    /// What it is measured by.
    pub promised: Promised,
    /// Ids of criteria that it leaves out.
    pub left_out: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Run(Box<Header>),
    Result(Box<CriterionResult>),
    Timeline(Vec<TimelinePoint>),
}

/// What an interrupted run left.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// What was run.
    pub header: Header,
    /// What was judged.
    pub results: Vec<CriterionResult>,
    /// The queue until then.
    pub timeline: Vec<TimelinePoint>,
}

/// A journal that is written.
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Begins anew in this folder.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(folder: &Path, header: &Header) -> io::Result<Self> {
        let path = folder.join(JOURNAL);
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(&path)?;
        let mut journal = Self { file, path };
        journal.write(&Line::Run(Box::new(header.clone())))?;
        Ok(journal)
    }

    /// Goes on with the one in this folder.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn resume(folder: &Path) -> io::Result<Self> {
        let path = folder.join(JOURNAL);
        let mut file = OpenOptions::new().append(true).open(&path)?;
        // After a line that was cut off; an empty line is nothing.
        file.write_all(b"\n")?;
        Ok(Self { file, path })
    }

    /// Adds a result and the points of the timeline since the last one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&mut self, result: &CriterionResult, timeline: Vec<TimelinePoint>) -> io::Result<()> {
        self.write(&Line::Result(Box::new(result.clone())))?;
        if timeline.is_empty() { Ok(()) } else { self.write(&Line::Timeline(timeline)) }
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }

    /// The run is over, and its report says everything.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn end(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// What the run in this folder left; `None` if there is nothing to resume.
///
/// # Errors
/// It cannot be read, or is no journal.
pub fn read(folder: &Path) -> io::Result<Option<Kept>> {
    let text = match std::fs::read_to_string(folder.join(JOURNAL)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut lines = text.lines().filter(|line| !line.is_empty());
    let Some(first) = lines.next() else { return Ok(None) };
    let Ok(Line::Run(header)) = serde_json::from_str(first) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its first line says nothing about a run"));
    };
    let mut kept = Kept { header: *header, results: Vec::new(), timeline: Vec::new() };
    for line in lines {
        match serde_json::from_str(line) {
            Ok(Line::Result(result)) => kept.results.push(*result),
            Ok(Line::Timeline(points)) => kept.timeline.extend(points),
            // A line that was cut off; its criterion is judged again.
            Ok(Line::Run(_)) | Err(_) => {}
        }
    }
    Ok(Some(kept))
}

impl Header {
    /// Why a run that was interrupted as `self` cannot go on as `other`; nothing if it can.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        if self.memsentry != other.memsentry {
            differences.push(format!("it was begun by memsentry {}, this is {}", self.memsentry, other.memsentry));
        }
        if self.target != other.target {
            let told = |target: &TargetSeen| {
                let database = if target.database { "with" } else { "without" };
                format!("{} at {} {database} database, {} users", target.name, target.url, target.users)
            };
            differences.push(format!("its target was {}, now it is {}", told(&self.target), told(&other.target)));
        }
        if self.promised != other.promised {
            differences.push("it was measured by other promises (slos and targets[].validate)".to_owned());
        }
        if self.chaos != other.chaos {
            differences.push(format!("it was begun {} --chaos", if self.chaos { "with" } else { "without" }));
        }
        differences
    }
}

/// Takes the lock that says that somebody still works on the run in this folder; waits for whoever has it.
///
/// # Errors
/// It cannot be had.
pub fn lock(journal: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new().create(true).append(true).open(journal)?;
        file.lock()?;
        // Who had it may have removed the file meanwhile, at the end of its run.
        if std::fs::metadata(journal).is_ok_and(|there| file.metadata().is_ok_and(|held| held.ino() == there.ino())) {
            return Ok(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn header() -> Header {
        let scene = fixture::scene();
        let plan = super::super::Plan { criteria: Vec::new(), left_out: vec!["left"] };
        Header { target: fixture::target(), ..Header::of(&scene, &plan, "http://a") }
    }

    #[test]
    fn what_was_judged_comes_back_and_a_line_that_was_cut_off_does_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
        let mut journal = Journal::begin(folder.path(), &header()).unwrap();
        let point = TimelinePoint { at: Timestamp::from_millis(7), depth: 3, oldest_seconds: 0.5 };
        journal.add(&fixture::result("one"), vec![point]).unwrap();
        journal.file.write_all(br#"{"result":{"id":"tw"#).unwrap();
        drop(journal);
        let mut journal = Journal::resume(folder.path()).unwrap();
        journal.add(&fixture::result("three"), Vec::new()).unwrap();
        let kept = read(folder.path()).unwrap().unwrap();
        assert_eq!(kept.header, header());
        assert_eq!(kept.timeline, [point]);
        assert_eq!(kept.results, [fixture::result("one"), fixture::result("three")]);
        journal.end().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
        std::fs::write(folder.path().join(JOURNAL), "{}\n").unwrap();
        assert!(read(folder.path()).is_err());
    }

    #[test]
    fn a_run_goes_on_only_as_what_it_was() {
        let was = header();
        assert_eq!(was.differences(&Header { began: Timestamp::from_millis(1), ..header() }), Vec::<String>::new());
        let mut other = Header { memsentry: "9.9.9".into(), chaos: true, ..header() };
        other.target.users = 7;
        other.promised.retention_ratio = 0.5;
        let told = was.differences(&other).join("\n");
        for part in
            ["this is 9.9.9", "now it is main at http://a with database, 7 users", "other promises", "without --chaos"]
        {
            assert!(told.contains(part), "{part} in\n{told}");
        }
    }

    #[test]
    fn the_lock_is_had_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(JOURNAL);
        let held = lock(&path).unwrap();
        let other = OpenOptions::new().append(true).open(&path).unwrap();
        assert!(other.try_lock().is_err());
        drop(held);
        lock(&path).unwrap();
    }
}
