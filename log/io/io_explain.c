/* An error of a cold call in words: the path that was refused, why, and what can be done. The error alone comes up through many hands, none of which knows
 * the path any more and the advice; so the last path that was refused stays here, and who ends up telling of the error asks for it.
 *
 * Failure modes: another call has failed in the same way since then. Then that path is named, which is refused as well. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "log/base/err.h"
#include "log/io/io_impl.h"

/* What is looked for and not there is no refusal. */
int io__note_refusal(struct io *io, const char *path, const char *verb, int result)
{
	return result == -ENOENT ? result : io__note_missing(io, path, verb, result);
}

int io__note_missing(struct io *io, const char *path, const char *verb, int result)
{
	if (result >= 0 || result == -EEXIST)
		return result;
	io->refused_err = result;
	io->refused_verb = verb;
	snprintf(io->refused_path, sizeof io->refused_path, "%s", path);
	return result;
}

static void advise(int err, char *out, size_t size)
{
	const char *text = "";
	switch (err) {
	case -EACCES:
	case -EPERM:
		snprintf(out, size, "; user %u, as whom this runs, needs the right to read and write it (chown, chmod)", (unsigned)geteuid());
		return;
	case -ENOENT:
		text = ": it, or the directory around it, was moved or removed while it was in use; put it back";
		break;
	case ERR_NOT_A_FILE:
		text = " but a directory, a FIFO, a socket, a device or a link to nowhere: put the file back, or move this away if it is lost";
		break;
	case ERR_GONE:
		text = "; leave the files of a running broker alone, and stop it before anything is put in their place";
		break;
	case -ENOTDIR:
		text = "; what has a directory's name is none, or leads to none: mount the disk that it is on, put it back, or move that away if it is lost";
		break;
	case -EROFS:
		text = "; mount the file system so that it can be written";
		break;
	case -EIO:
		text = "; the disk failed: the kernel's log (dmesg) says more";
		break;
	case -ENOSPC:
	case -EDQUOT:
		text = "; make room";
		break;
	case -EMFILE:
		text = "; raise the limit of open files (ulimit -n, LimitNOFILE)";
		break;
	case -ENFILE:
		text = "; raise the system's limit of open files (sysctl fs.file-max)";
		break;
	}
	snprintf(out, size, "%s", text);
}

const char *io_explain(const struct io *io, int err, char *out, size_t size)
{
	char advice[160];
	advise(err, advice, sizeof advice);
	if (io->refused_err == err && err)
		snprintf(out, size, "%s cannot be %s: %s%s", io->refused_path, io->refused_verb, err_text(err), advice);
	else
		snprintf(out, size, "%s%s", err_text(err), advice);
	return out;
}
