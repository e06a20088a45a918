/* SCRAM credentials (KIP-554) by their two APIs: what is refused, what is kept over a restart, and that no password is. */
#include "tests/unit/net/json_call.h"

#define UPSERT(name, mechanism, iterations) \
	"{'upsertions':[{'name':'" name "','mechanism':" mechanism ",'iterations':" iterations ",'salt':'x','salted_password':'y'}]}"
#define USER_RESULT(name, code, why) "{'throttle_time_ms':0,'results':[{'user':'" name "','error_code':" code ",'error_message':'" why "'}]}"

/* Nobody has a credential; what is refused. */
Test(scram_credentials, refused)
{
	static const struct json_case cases[] = {
		{"describe_user_scram_credentials", 0, 0, "{'users':null}", "{'throttle_time_ms':0,'error_code':0,'error_message':'','results':[]}"},
		{"describe_user_scram_credentials", 0, 0, "{'users':[]}", "{'throttle_time_ms':0,'error_code':0,'error_message':'','results':[]}"},
		{"describe_user_scram_credentials", 0, 0, "{'users':[{'name':'a'},{'name':'b'},{'name':'a'}]}",
		 "{'throttle_time_ms':0,'error_code':0,'error_message':'','results':[{'user':'a','error_code':92,"
		 "'error_message':'Cannot describe SCRAM credentials for the same user twice in a single request: a','credential_infos':[]},"
		 "{'user':'b','error_code':91,'error_message':'Attempt to describe a user credential that does not exist: b','credential_infos':[]}]}"},
		{"alter_user_scram_credentials", 0, 0, "{}", "{'throttle_time_ms':0,'results':[]}"},
		{"alter_user_scram_credentials", 0, 0,
		 "{'deletions':[{'name':'a','mechanism':1},{'name':'a','mechanism':2},{'name':'b','mechanism':7},{'name':'','mechanism':1}],"
		 "'upsertions':[{'name':'a','mechanism':1,'iterations':4096,'salt':'x','salted_password':'y'}]}",
		 "{'throttle_time_ms':0,'results':[{'user':'a','error_code':91,'error_message':'Attempt to delete a user credential that does not exist'},"
		 "{'user':'b','error_code':33,'error_message':'Unknown SCRAM mechanism'},{'user':'','error_code':93,'error_message':'Username must not be empty'}]}"},
		{"alter_user_scram_credentials", 0, 0, UPSERT("u", "1", "4095"), USER_RESULT("u", "93", "Too few iterations")},
		{"alter_user_scram_credentials", 0, 0, UPSERT("u", "1", "16385"), USER_RESULT("u", "93", "Too many iterations")},
		{"alter_user_scram_credentials", 0, 0, UPSERT("u", "0", "4096"), USER_RESULT("u", "33", "Unknown SCRAM mechanism")},
		{"alter_user_scram_credentials", 0, 0, UPSERT("", "0", "4096"), USER_RESULT("", "93", "Username must not be empty")},
		{"alter_user_scram_credentials", 0, 0,
		 "{'upsertions':[{'name':'u','mechanism':1,'iterations':4096,'salt':'x','salted_password':''}]}",
		 "{'throttle_time_ms':0,'results':[{'user':'u','error_code':-1,'error_message':null}]}"},
	};
	struct broker broker;
	broker_start(&broker, 1, NULL);
	check_json_cases(&broker, cases, COUNT_OF(cases));
	broker_end(&broker);
}

#define DELETE(name, mechanism) "{'deletions':[{'name':'" name "','mechanism':" mechanism "}]}"
#define DONE(name) "{'throttle_time_ms':0,'results':[{'user':'" name "','error_code':0,'error_message':null}]}"
#define DESCRIBED(users) "{'throttle_time_ms':0,'error_code':0,'error_message':'','results':[" users "]}"
#define HAS(name, infos) "{'user':'" name "','error_code':0,'error_message':'','credential_infos':[" infos "]}"
#define INFO(mechanism, iterations) "{'mechanism':" mechanism ",'iterations':" iterations "}"

/* Made, changed, told in the order of the names, deleted; over a restart in between, on every shard. */
Test(scram_credentials, kept, .timeout = 60)
{
	static const struct json_case before[] = {
		{"alter_user_scram_credentials", 0, 0, UPSERT("v", "2", "16384"), DONE("v")},
		{"alter_user_scram_credentials", 0, 0, UPSERT("u", "1", "4096"), DONE("u")},
		{"alter_user_scram_credentials", 0, 0, UPSERT("u", "2", "5000"), DONE("u")},
		{"alter_user_scram_credentials", 0, 0, UPSERT("u", "1", "5001"), DONE("u")},
	};
	static const struct json_case after[] = {
		{"describe_user_scram_credentials", 0, 0, "{'users':null}",
		 DESCRIBED(HAS("u", INFO("1", "5001") "," INFO("2", "5000")) "," HAS("v", INFO("2", "16384")))},
		{"alter_user_scram_credentials", 0, 0,
		 "{'deletions':[{'name':'u','mechanism':1},{'name':'v','mechanism':2},{'name':'u','mechanism':2}]}",
		 "{'throttle_time_ms':0,'results':[{'user':'u','error_code':92,'error_message':'A user credential cannot be altered twice in the same request'},"
		 "{'user':'v','error_code':0,'error_message':null}]}"},
		{"alter_user_scram_credentials", 0, 0, DELETE("v", "2"),
		 USER_RESULT("v", "91", "Attempt to delete a user credential that does not exist")},
		{"alter_user_scram_credentials", 0, 0, DELETE("u", "1"), DONE("u")},
		{"describe_user_scram_credentials", 0, 0, "{'users':[{'name':'u'}]}", DESCRIBED(HAS("u", INFO("2", "5000")))},
	};
	struct broker broker;
	broker_start(&broker, 2, NULL);
	check_json_cases(&broker, before, COUNT_OF(before));
	check_json_cases(&broker, after, 1);
	broker_restart(&broker);
	check_json_cases(&broker, after, COUNT_OF(after));
	broker_end(&broker);
}

/* Neither what the client sent nor ClientKey is in the catalog's file. */
Test(scram_credentials, no_secret_is_kept, .timeout = 60)
{
	static const struct json_case one = {
		"alter_user_scram_credentials", 0, 0,
		"{'upsertions':[{'name':'u','mechanism':1,'iterations':4096,'salt':'the-salt','salted_password':'what-nobody-may-know'}]}", DONE("u")};
	struct broker broker;
	char path[600];
	static char bytes[1 << 20];
	broker_start(&broker, 1, NULL);
	check_json_cases(&broker, &one, 1);
	snprintf(path, sizeof path, "%s/catalog.log", broker.dir);
	FILE *file = fopen(path, "r");
	cr_assert(file);
	size_t size = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	cr_expect_not_null(memmem(bytes, size, "the-salt", 8));
	cr_expect_null(memmem(bytes, size, "what-nobody-may-know", 20));
	broker_end(&broker);
}
