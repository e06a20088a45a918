/* stdin, stdout and stderr as a shell may leave them: closed, or on a disk that is full. Owner: the main thread. */
#pragma once

/* Before anything is opened: a file or a connection that got the number of a closed stdout would be written to by each printf. */
void standard_files_secure(void);
/* At the end: STATUS_FAILED if what was printed could not be written, after a complaint; else `status`. */
int standard_files_finish(int status);
