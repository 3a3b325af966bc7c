//! Files that appear whole or not at all.
//!
//! A [`AtomicFile`] is written under a temporary name beside its target and takes the
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
pub struct AtomicFile {
    writer: BufWriter<File>,
    /// Where it is until it is finished; `None` for what cannot be replaced.
    temporary: Option<PathBuf>,
    target: PathBuf,
}

impl AtomicFile {
    /// Begins the file that will be `target`; its folder must exist. A link keeps
    /// leading to its file. A device or pipe is written as it is: putting a file in
    /// its place would take it from everybody else.
    ///
    /// # Errors
    /// A usage failure when the folder takes no new file or `target` is a folder.
    pub fn create(target: &Path) -> Result<Self, Failure> {
        let target = resolve(target)?;
        let temporary = match is_special(&target) {
            true => None,
            false => Some(temporary_name(&target)?),
        };
        let opened = match &temporary {
            Some(path) => File::create(path),
            None => File::options().write(true).open(&target),
        };
        let file = opened.map_err(|error| cannot_create(&target, &error))?;
        Ok(Self {
            writer: BufWriter::with_capacity(BUFFER_BYTES, file),
            temporary,
            target,
        })
    }

    /// Whether `target` could be begun, without a trace.
    ///
    /// # Errors
    /// As for [`AtomicFile::create`].
    pub fn check_target(target: &Path) -> Result<(), Failure> {
        // Opening a pipe would already tell its reader something.
        if is_special(target) {
            Ok(())
        } else {
            Self::create(target).map(drop)
        }
    }

    /// Brings everything to the disk, so that only the name is missing.
    ///
    /// # Errors
    /// A running failure when the disk does not take the rest.
    pub fn write_out(&mut self) -> Result<(), Failure> {
        self.writer
            .flush()
            .map_err(|error| cannot_write(&self.target, &error))
    }

    /// Gives the file its name, in place of an older one.
    ///
    /// # Errors
    /// A running failure when the disk does not take the rest; nothing is left then.
    pub fn persist(mut self) -> Result<(), Failure> {
        self.write_out()?;
        if let Some(temporary) = &self.temporary {
            fs::rename(temporary, &self.target)
                .map_err(|error| cannot_write(&self.target, &error))?;
        }
        self.temporary = None;
        Ok(())
    }

    /// The name it will have.
    pub fn target(&self) -> &Path {
        &self.target
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Nobody is left to tell, and a leftover does no harm.
            let _ = fs::remove_file(temporary);
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

/// Where `target` really is.
fn resolve(target: &Path) -> Result<PathBuf, Failure> {
    let name = target.display();
    if target.is_dir() || name.to_string().ends_with('/') {
        let help = "name a file inside it, or move it away";
        return Err(Failure::usage(
            format!("{name} is a folder, not a file"),
            help,
        ));
    }
    if target.is_symlink() {
        return fs::canonicalize(target).map_err(|error| {
            Failure::usage(
                format!("{name} is a link that leads nowhere: {error}"),
                "remove it",
            )
        });
    }
    Ok(target.to_owned())
}

/// There already, and neither file nor folder.
fn is_special(target: &Path) -> bool {
    fs::metadata(target).is_ok_and(|found| !found.is_file() && !found.is_dir())
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
    fn a_device_is_written_and_not_replaced() {
        let mut file = AtomicFile::create(Path::new("/dev/null")).unwrap();
        file.write_all(b"gone").unwrap();
        file.persist().unwrap();
        assert!(is_special(Path::new("/dev/null")));
    }

    #[test]
    fn a_link_keeps_leading_to_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut replacement = AtomicFile::create(&link).unwrap();
        replacement.write_all(b"new").unwrap();
        replacement.persist().unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        fs::remove_file(&file).unwrap();
        assert_eq!(
            AtomicFile::create(&link).unwrap_err().status(),
            2,
            "a link to nothing"
        );
    }

    #[test]
    fn a_name_that_ends_in_a_slash_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("{}/x/", folder.path().display());
        assert_eq!(
            AtomicFile::check_target(Path::new(&name))
                .unwrap_err()
                .status(),
            2
        );
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn an_unfinished_file_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = AtomicFile::create(&folder.path().join("a")).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(names(folder.path()).len(), 1);

        drop(file);

        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_finished_file_replaces_the_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        fs::write(&target, "older and longer").unwrap();
        let mut file = AtomicFile::create(&target).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"older and longer");

        file.persist().unwrap();

        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_folder_is_no_target_and_an_absent_folder_is_no_place() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(AtomicFile::create(folder.path()).unwrap_err().status(), 2);
        let nowhere = folder.path().join("no/where");
        assert_eq!(AtomicFile::create(&nowhere).unwrap_err().status(), 2);
        assert_eq!(AtomicFile::create(Path::new("")).unwrap_err().status(), 2);
    }
}
