/* The progress thread wakes five times a second, writes the line anew, and sleeps. All state is one static struct under one lock: there is one
 * terminal. */
#include "cli/progress.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define FIRST_SHOWN_MS 1000
#define SHOWN_EVERY_MS 200
#define TEXT_SIZE 384

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool is_running, is_ending, is_line_open;
	struct timespec began;
	char text[TEXT_SIZE];
} progress = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t elapsed_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)(now.tv_sec - progress.began.tv_sec) * 1000 + (now.tv_nsec - progress.began.tv_nsec) / 1000000;
}

static struct timespec later(int64_t wait_ms)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	int64_t ns = at.tv_nsec + wait_ms * 1000000;
	return (struct timespec){.tv_sec = at.tv_sec + ns / 1000000000, .tv_nsec = ns % 1000000000};
}

static void erase(void)
{
	if (progress.is_line_open)
		fputs("\r\033[K", stderr);
	progress.is_line_open = false;
}

/* A line that is longer than the terminal is wide would go on in the next, and could not be erased. */
static int columns(void)
{
	struct winsize size;
	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

static void draw(void)
{
	char line[TEXT_SIZE + 32];
	snprintf(line, sizeof line, "%s, %lld s", progress.text, (long long)(elapsed_ms() / 1000));
	progress.is_line_open = true;
	fprintf(stderr, "\r\033[K%.*s", columns(), line);
}

static void *run(void *unused)
{
	pthread_mutex_lock(&progress.lock);
	for (int64_t wait_ms = FIRST_SHOWN_MS; !progress.is_ending; wait_ms = SHOWN_EVERY_MS) {
		struct timespec at = later(wait_ms);
		while (!progress.is_ending && pthread_cond_timedwait(&progress.wake, &progress.lock, &at) == 0)
			;
		if (!progress.is_ending)
			draw();
	}
	erase();
	pthread_mutex_unlock(&progress.lock);
	return NULL;
}

static void set_text(const char *format, va_list arguments)
{
	pthread_mutex_lock(&progress.lock);
	vsnprintf(progress.text, sizeof progress.text, format, arguments);
	pthread_mutex_unlock(&progress.lock);
}

/* Signals are the main thread's: one that came here would not end the read or the wait that it is to end. */
static bool start_thread(void)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool is_started = pthread_create(&progress.thread, NULL, run, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return is_started;
}

void progress_begin(const char *format, ...)
{
	const char *terminal = getenv("TERM");
	if (progress.is_running || !isatty(STDERR_FILENO) || !terminal || strcmp(terminal, "dumb") == 0)
		return;
	va_list arguments;
	va_start(arguments, format);
	set_text(format, arguments);
	va_end(arguments);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&progress.wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	clock_gettime(CLOCK_MONOTONIC, &progress.began);
	progress.is_ending = false;
	progress.is_running = start_thread();
}

void progress_say(const char *format, ...)
{
	if (!progress.is_running)
		return;
	va_list arguments;
	va_start(arguments, format);
	set_text(format, arguments);
	va_end(arguments);
}

void progress_end(void)
{
	if (!progress.is_running)
		return;
	pthread_mutex_lock(&progress.lock);
	progress.is_ending = true;
	pthread_cond_signal(&progress.wake);
	pthread_mutex_unlock(&progress.lock);
	pthread_join(progress.thread, NULL);
	pthread_cond_destroy(&progress.wake);
	progress.is_running = false;
}

void progress_hide(void)
{
	pthread_mutex_lock(&progress.lock);
	erase();
}

void progress_show(void)
{
	pthread_mutex_unlock(&progress.lock);
}

const char *progress_count(uint64_t count, char text[32])
{
	char digits[24];
	int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count), used = 0;
	for (int i = 0; i < size; i++) {
		if (i && (size - i) % 3 == 0)
			text[used++] = ',';
		text[used++] = digits[i];
	}
	text[used] = '\0';
	return text;
}
