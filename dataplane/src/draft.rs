//! Files that appear whole or not at all.
//!
//! A [`Draft`] is written under a temporary name beside its target and takes the
//! target's name in one step when it is finished; dropped before that, it is
//! removed. A reader never sees half of one.
//!
//! Not here: what is written ([`crate::capture`], [`crate::report`]).

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::Failure;

/// Large enough that a capture costs one system call per hundred frames or so.
const BUFFER_BYTES: usize = 128 * 1024;

/// A file in the making.
#[derive(Debug)]
pub struct Draft {
    writer: BufWriter<File>,
    temporary: PathBuf,
    target: PathBuf,
    finished: bool,
}

impl Draft {
    /// Begins the file that will be `target`; its folder must exist.
    ///
    /// # Errors
    /// A usage failure when the folder takes no new file or `target` is a folder.
    pub fn create(target: &Path) -> Result<Self, Failure> {
        if target.is_dir() {
            return Err(Failure::usage(
                format!("{} is a folder, not a file", target.display()),
                "name a file inside it, or move it away",
            ));
        }
        let temporary = temporary_name(target)?;
        let file = File::create(&temporary).map_err(|error| cannot_create(target, &error))?;
        Ok(Self {
            writer: BufWriter::with_capacity(BUFFER_BYTES, file),
            temporary,
            target: target.to_owned(),
            finished: false,
        })
    }

    /// Gives the file its name, in place of an older one.
    ///
    /// # Errors
    /// A running failure when the disk does not take the rest; nothing is left then.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.writer
            .flush()
            .and_then(|()| fs::rename(&self.temporary, &self.target))
            .map_err(|error| cannot_write(&self.target, &error))?;
        self.finished = true;
        Ok(())
    }

    /// The name it will have.
    pub fn target(&self) -> &Path {
        &self.target
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            // Nobody is left to tell, and a leftover does no harm.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// The failure of a write to `path` while running.
pub fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::running(
        format!("cannot write {}: {error}", path.display()),
        "make room on its disk, or name another folder",
    )
}

/// Hidden, and of this process, so that runs side by side do not meet in it.
fn temporary_name(target: &Path) -> Result<PathBuf, Failure> {
    let name = target.file_name().ok_or_else(|| {
        Failure::usage(
            format!("{:?} does not name a file", target.display().to_string()),
            "name a file",
        )
    })?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}", std::process::id()));
    Ok(target.with_file_name(hidden))
}

fn cannot_create(target: &Path, error: &io::Error) -> Failure {
    let help = match error.kind() {
        io::ErrorKind::NotFound => "create its folder first",
        _ => "name a file in a folder that you may write to",
    };
    Failure::usage(format!("cannot write {}: {error}", target.display()), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_unfinished_draft_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut draft = Draft::create(&folder.path().join("a")).unwrap();
        draft.write_all(b"half").unwrap();
        assert_eq!(names(folder.path()).len(), 1);

        drop(draft);

        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_finished_draft_replaces_the_older_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        fs::write(&target, "older and longer").unwrap();
        let mut draft = Draft::create(&target).unwrap();
        draft.write_all(b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"older and longer");

        draft.finish().unwrap();

        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_folder_is_no_target_and_an_absent_folder_is_no_place() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Draft::create(folder.path()).unwrap_err().status(), 2);
        let nowhere = folder.path().join("no/where");
        assert_eq!(Draft::create(&nowhere).unwrap_err().status(), 2);
        assert_eq!(Draft::create(Path::new("")).unwrap_err().status(), 2);
    }
}
