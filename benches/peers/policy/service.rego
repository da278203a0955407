# Three rules, as a team without a tool for Kafka would write them.
package main

import rego.v1

slow := {"vision-ai", "speech-ai", "llm-ai"}

deny contains msg if {
	not input.group
	msg := "no consumer group"
}

deny contains msg if {
	input.type in slow
	not input.memory.limit
	msg := sprintf("%s holds a model: its memory needs a limit", [input.type])
}

deny contains msg if {
	input.consumer.fetch_max_wait
	reasons := {deviation.setting | some deviation in input.deviation}
	not "fetch_max_wait" in reasons
	msg := "fetch_max_wait leaves the matrix without a reason"
}
