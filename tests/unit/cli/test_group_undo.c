/* The notes that let a rewind be undone: what is written is what is read, and nothing else is taken for one. */
#include "cli/group_undo.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct slice slice_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void assert_round_trip(const struct group_undo_note *note)
{
	size_t size;
	struct group_undo_note got;
	char *text = group_undo_note_format(note, &size);
	cr_assert(group_undo_note_parse(&got, (struct slice){(uint8_t *)text, size}), "%.*s", (int)size, text);
	cr_assert_eq(got.rewound_ms, note->rewound_ms);
	cr_assert_eq(got.had_commit, note->had_commit);
	cr_assert_eq(got.metadata.size, note->metadata.size);
	cr_assert(!note->metadata.size || memcmp(got.metadata.data, note->metadata.data, note->metadata.size) == 0);
	free(text);
}

/* A note comes back as it was, with any bytes as the commit's own metadata. */
Test(group_undo, round_trip)
{
	const struct group_undo_note notes[] = {
		{.rewound_ms = 0},
		{.rewound_ms = INT64_MAX},
		{.rewound_ms = 1700000000000, .had_commit = true},
		{.rewound_ms = 1700000000000, .had_commit = true, .metadata = slice_of("AgAAAYvP5WgA")},
		{.rewound_ms = 1, .had_commit = true, .metadata = slice_of("had none spate-rewind 1 5 none")},
		{.rewound_ms = 1, .had_commit = true, .metadata = {(const uint8_t *)"\0\xff \n", 4}},
	};
	for (size_t i = 0; i < COUNT_OF(notes); i++)
		assert_round_trip(&notes[i]);
}

/* The metadata of somebody else's commit is no note. */
Test(group_undo, not_a_note)
{
	static const char *const texts[] = {
		"", "x", "spate-rewind", "spate-rewind 1 ", "spate-rewind 1 none", "spate-rewind 1 5", "spate-rewind 1 5 ", "spate-rewind 1 5 non",
		"spate-rewind 1 5 nonex", "spate-rewind 2 5 none", "spate-rewind 1 99999999999999999999 none", "spate-rewind 1 -5 none",
	};
	struct group_undo_note note;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		cr_assert_not(group_undo_note_parse(&note, slice_of(texts[i])), "'%s'", texts[i]);
	cr_assert_not(group_undo_note_parse(&note, (struct slice){NULL, 0}));
}

/* The keeper's name is told from a group's; one that would not fit is refused. */
Test(group_undo, names)
{
	char name[GROUP_NAME_SIZE_MAX], *large = malloc(GROUP_NAME_SIZE_MAX + 1);
	cr_assert(group_undo_name(name, "billing"));
	cr_assert_str_eq(name, "billing.before-rewind");
	struct slice subject = group_undo_subject(name);
	cr_assert(subject.size == strlen("billing") && memcmp(subject.data, "billing", subject.size) == 0);
	cr_assert_null(group_undo_subject("billing").data);
	cr_assert_null(group_undo_subject(GROUP_UNDO_SUFFIX).data);
	cr_assert_null(group_undo_subject("billing.before-rewinds").data);
	memset(large, 'x', GROUP_NAME_SIZE_MAX);
	large[GROUP_NAME_SIZE_MAX] = '\0';
	cr_assert_not(group_undo_name(name, large));
	large[GROUP_NAME_SIZE_MAX - strlen(GROUP_UNDO_SUFFIX)] = '\0';
	cr_assert_not(group_undo_name(name, large));
	large[GROUP_NAME_SIZE_MAX - strlen(GROUP_UNDO_SUFFIX) - 1] = '\0';
	cr_assert(group_undo_name(name, large));
	free(large);
}
