/* What a word can be is told by the table of flags: a flag's value_name ("TOPIC", "CODEC", "all|1|0") and the verb's arguments ("TOPIC...").
 * Topics and groups are asked of the broker that the line names, for half a second at most. Failure modes: no broker, no candidates. */
#include "cli/completion.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/flags.h"
#include "cli/group_undo.h"
#include "cli/wire_client.h"
#include "log/config/config.h"

#define PATIENCE_MS 500

static bool is_on;

void completion_begin(void)
{
	is_on = true;
}

bool completion_is_on(void)
{
	return is_on;
}

/* ---- candidates ---------------------------------------------------------------------------------------------------------------- */

struct offer {
	const char *word;   /* what is typed so far */
	const char *prefix; /* before each candidate: "--to=" */
	const char *broker;
};

static void offer_slice(const struct offer *offer, struct slice candidate, const char *suffix)
{
	size_t size = strlen(offer->word);
	if (candidate.size >= size && memcmp(candidate.data, offer->word, size) == 0)
		printf("%s%.*s%s\n", offer->prefix, (int)candidate.size, (const char *)candidate.data, suffix);
}

static void offer_text(const struct offer *offer, const char *candidate, const char *suffix)
{
	offer_slice(offer, slice_from(candidate), suffix);
}

/* "a|b" or "a,b" or "a b". */
static void offer_list(const struct offer *offer, const char *list)
{
	for (const char *at = list; *at;) {
		size_t size = strcspn(at, "|, ");
		offer_slice(offer, (struct slice){(const uint8_t *)at, size}, "");
		at += size + strspn(at + size, "|, ");
	}
}

/* ---- from the broker ------------------------------------------------------------------------------------------------------------ */

/* The broker's own topics and groups only for who has begun to type their names. */
static void offer_topic(void *context, struct slice name)
{
	const struct offer *offer = context;
	if (*offer->word || name.size < 2 || memcmp(name.data, "__", 2) != 0)
		offer_slice(offer, name, "");
}

/* Whether it is a keeper or a user's own group is not asked here: its name is offered to who has typed the other's in full. */
static void offer_group(void *context, struct slice name)
{
	char text[GROUP_NAME_SIZE_MAX];
	const struct offer *offer = context;
	snprintf(text, sizeof text, "%.*s", (int)name.size, (const char *)name.data);
	struct slice subject = group_undo_subject(text);
	if (!subject.data || strlen(offer->word) >= subject.size)
		offer_slice(offer, name, "");
}

static void offer_from_broker(const struct offer *offer, int (*ask)(struct wire_client *, wire_name_fn *, void *), wire_name_fn *name)
{
	char why[512];
	struct wire_client *client;
	if (wire_client_open_within(&client, offer->broker, PATIENCE_MS, why, sizeof why))
		return;
	if (ask(client, name, (void *)offer))
		why[0] = '\0'; /* no candidates */
	wire_client_close(client);
}

/* ---- configs -------------------------------------------------------------------------------------------------------------------- */

static void offer_keys(const struct offer *offer, const struct config_key *keys, uint32_t count, const char *suffix)
{
	for (uint32_t i = 0; i < count; i++)
		offer_text(offer, keys[i].name, suffix);
}

static void offer_topic_keys(const struct offer *offer, const char *suffix)
{
	uint32_t count;
	const struct config_key *keys = config_topic_keys(&count);
	offer_keys(offer, keys, count, suffix);
}

static void offer_broker_keys(const struct offer *offer, const char *suffix)
{
	uint32_t count;
	const struct config_key *keys = config_broker_keys(&count);
	offer_keys(offer, keys, count, suffix);
}

/* Behind "key=": what the key may be. */
static void offer_values(const struct offer *offer, const struct config_key *key, const char *equals)
{
	char prefix[320];
	snprintf(prefix, sizeof prefix, "%s%.*s", offer->prefix, (int)(equals + 1 - offer->word), offer->word);
	const struct offer value = {.word = equals + 1, .prefix = prefix};
	if (key && key->choices)
		offer_list(&value, key->choices);
	else if (key && key->type == CONFIG_BOOL)
		offer_list(&value, "true false");
}

static void offer_setting(const struct offer *offer, bool is_topic)
{
	const char *equals = strchr(offer->word, '=');
	struct slice name = {(const uint8_t *)offer->word, equals ? (size_t)(equals - offer->word) : 0};
	if (equals)
		offer_values(offer, is_topic ? config_topic_key(name) : config_broker_key(name), equals);
	else if (is_topic)
		offer_topic_keys(offer, "=");
	else
		offer_broker_keys(offer, "=");
}

/* ---- what a value or an argument can be ------------------------------------------------------------------------------------------ */

static void offer_value(const struct offer *offer, const char *kind)
{
	if (strncmp(kind, "TOPIC", 5) == 0 || strcmp(kind, "[TOPIC]") == 0)
		offer_from_broker(offer, wire_client_topic_names, offer_topic);
	else if (strncmp(kind, "GROUP", 5) == 0)
		offer_from_broker(offer, wire_client_group_names, offer_group);
	else if (strcmp(kind, "CONFIG=VALUE") == 0)
		offer_setting(offer, true);
	else if (strcmp(kind, "CONFIG") == 0)
		offer_topic_keys(offer, "");
	else if (strncmp(kind, "KEY=VALUE", 9) == 0)
		offer_setting(offer, false);
	else if (strcmp(kind, "KEY") == 0 || strcmp(kind, "[KEY...]") == 0)
		offer_broker_keys(offer, "");
	else if (strcmp(kind, "[KEY]") == 0)
		offer_topic_keys(offer, ""), offer_broker_keys(offer, "");
	else if (strcmp(kind, "OFFSET") == 0)
		offer_list(offer, "start end");
	else if (strcmp(kind, "CODEC") == 0)
		offer_list(offer, "none gzip snappy lz4 zstd");
	else if (strcmp(kind, "HOST:PORT") == 0)
		offer_text(offer, offer->broker, "");
	else if (strcmp(kind, "FILE") == 0)
		puts(":files");
	else if (strncmp(kind, "DIR", 3) == 0)
		puts(strstr(kind, "FILE") ? ":files" : ":directories");
	else if (strchr(kind, '|'))
		offer_list(offer, kind);
}

/* The kind of the argument so many arguments in: "TOPIC..." goes on for ever. */
static void offer_argument(const struct offer *offer, const char *arguments, uint32_t index)
{
	const char *at = arguments;
	for (uint32_t i = 0; *at; i++) {
		char kind[64];
		size_t size = strcspn(at, " ");
		bool goes_on = size > 3 && strncmp(at + size - 3, "...", 3) == 0;
		snprintf(kind, sizeof kind, "%.*s", (int)(goes_on ? size - 3 : size), at);
		if (i == index || goes_on) {
			offer_value(offer, kind);
			return;
		}
		at += size + strspn(at + size, " ");
	}
}

void completion_offer_commands(const struct command *commands, uint32_t count, const char *word)
{
	const struct offer offer = {.word = word, .prefix = ""};
	for (uint32_t i = 0; i < count; i++)
		offer_text(&offer, commands[i].name, "");
}

/* ---- a verb's line --------------------------------------------------------------------------------------------------------------- */

static const struct flag *flag_of(const struct flag_table *table, const char *word)
{
	const char *name = word + 2;
	size_t size = strcspn(name, "=");
	for (uint32_t i = 0; i < table->flag_count; i++) {
		const struct flag *flag = &table->flags[i];
		bool is_named = word[1] == '-' ? strlen(flag->name) == size && memcmp(flag->name, name, size) == 0 : flag->letter == word[1];
		if (is_named)
			return flag;
	}
	return NULL;
}

/* What stands in the line before the cursor. */
struct line {
	const char *broker;
	const struct flag *waiting; /* the flag whose value comes next */
	uint32_t arguments;
	bool are_flags_over;
};

static const char *attached_value(const struct flag *flag, const char *word)
{
	if (flag->kind == FLAG_BOOL)
		return "";
	if (word[1] != '-')
		return word[2] ? word + 2 : NULL;
	const char *equals = strchr(word, '=');
	return equals ? equals + 1 : NULL;
}

static void read_value(struct line *line, const struct flag *flag, const char *value)
{
	if (strcmp(flag->name, "broker") == 0 && *value)
		line->broker = value;
	line->waiting = NULL;
}

static void read_word(struct line *line, const struct flag_table *table, const char *word)
{
	if (line->waiting) {
		read_value(line, line->waiting, word);
	} else if (line->are_flags_over || word[0] != '-' || !word[1]) {
		line->arguments++;
	} else if (strcmp(word, "--") == 0) {
		line->are_flags_over = true;
	} else {
		const struct flag *flag = flag_of(table, word);
		const char *value = flag ? attached_value(flag, word) : "";
		if (flag && value)
			read_value(line, flag, value);
		else if (flag)
			line->waiting = flag;
	}
}

static void offer_flag_names(const struct flag_table *table, const char *word)
{
	const struct offer offer = {.word = word, .prefix = ""};
	for (uint32_t i = 0; i < table->flag_count; i++) {
		char name[80];
		snprintf(name, sizeof name, "--%s", table->flags[i].name);
		offer_text(&offer, name, "");
	}
	offer_text(&offer, "--help", "");
}

static void offer_attached(const struct flag_table *table, struct offer *offer, const char *word)
{
	char prefix[80];
	const struct flag *flag = flag_of(table, word);
	const char *value = strchr(word, '=') + 1;
	if (!flag || !flag->value_name)
		return;
	snprintf(prefix, sizeof prefix, "%.*s", (int)(value - word), word);
	offer->word = value;
	offer->prefix = prefix;
	offer_value(offer, flag->value_name);
}

void completion_offer_flags(const struct flag_table *table, int argc, char **argv)
{
	const char *word = argc > 1 ? argv[argc - 1] : "", *broker = getenv("SPATE_BROKER");
	struct line line = {.broker = broker && *broker ? broker : "127.0.0.1:9092"};
	for (int i = 1; i + 1 < argc; i++)
		read_word(&line, table, argv[i]);
	struct offer offer = {.word = word, .prefix = "", .broker = line.broker};
	if (line.waiting)
		offer_value(&offer, line.waiting->value_name);
	else if (!line.are_flags_over && strncmp(word, "--", 2) == 0 && strchr(word, '='))
		offer_attached(table, &offer, word);
	else if (!line.are_flags_over && word[0] == '-')
		offer_flag_names(table, *word && word[1] ? word : "--");
	else
		offer_argument(&offer, table->arguments, line.arguments);
}

/* ---- the verb --------------------------------------------------------------------------------------------------------------------- */

/* bash cuts words at "=" and ":", and replaces what is behind the last of them; the words are read anew from the line, and what bash keeps is cut
 * off the candidates. */
static const char bash_script[] =
	"# spate: completion for bash. Put this into ~/.bashrc:  source <(spate completion bash)\n"
	"_spate() {\n"
	"\tlocal line=${COMP_LINE:0:COMP_POINT} words word kept kind=\n"
	"\tread -ra words <<< \"$line\"\n"
	"\t[[ $line == *[[:space:]] ]] && words+=('')\n"
	"\tword=${words[${#words[@]} - 1]}\n"
	"\tkept=${word%\"${word##*[=:]}\"}\n"
	"\tmapfile -t COMPREPLY < <(\"${words[0]/#\\~/$HOME}\" __complete \"${words[@]:1}\" 2> /dev/null)\n"
	"\tcase ${COMPREPLY[0]-} in\n"
	"\t:files) kind=-f ;;\n"
	"\t:directories) kind=-d ;;\n"
	"\tesac\n"
	"\tif [[ $kind ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen $kind -- \"${word##*=}\")\n"
	"\t\tcompopt -o filenames\n"
	"\t\treturn\n"
	"\tfi\n"
	"\t[[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
	"\tCOMPREPLY=(\"${COMPREPLY[@]#\"$kept\"}\")\n"
	"}\n"
	"complete -F _spate spate\n";

static int bash(int argc, char **argv)
{
	const struct flag_table table = {
		.command = "spate completion bash",
		.arguments = "",
		.about = "Prints what makes bash complete verbs, flags, topics, groups and config keys. Topics and groups are asked of the broker that the\n"
			 "line names (or $SPATE_BROKER, or 127.0.0.1:9092), for half a second at most.",
		.examples = "  source <(spate completion bash)                                              # in ~/.bashrc\n"
			    "  spate completion bash > /usr/share/bash-completion/completions/spate         # for all users\n",
	};
	struct arguments arguments;
	int status;
	if (flags_parse(&table, argc, argv, &arguments, &status))
		fputs(bash_script, stdout);
	return status;
}

int completion_run(int argc, char **argv)
{
	static const struct command commands[] = {{"bash", "print the completion for bash", bash}};
	return command_dispatch(commands, COUNT_OF(commands), "spate completion", argc, argv);
}
