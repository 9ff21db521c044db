# Which nodes get certificates, as a policy of Open Policy Agent (Rego v1). Gatehouse asks
#
#   POST /v1/data/gatehouse/nodes/decision   {"input": the review document}
#
# and takes what the rule `decision` is; where it is undefined, there is no opinion.
package gatehouse.nodes

client_signer := "kubernetes.io/kube-apiserver-client-kubelet"

serving_signer := "kubernetes.io/kubelet-serving"

# Names of nodes by the kind of machine; bring your own as data instead: data.nodes.patterns.
patterns := ["^worker-[0-9]+$", "^control-plane-[1-3]$"]

is_kubelet if input.request.signerName in {client_signer, serving_signer}

is_named_well if {
	some pattern in patterns
	regex.match(pattern, input.nodeName)
}

asks_for_itself if input.requester.username == concat("", ["system:node:", input.nodeName])

joins if {
	some group in input.requester.groups
	group == "system:bootstrappers"
}

# Further reasons to deny may be added, each by a rule of its own.
denials contains "the name is none of our nodes'" if not is_named_well

denials contains "RSA keys have to have 3072 bits" if {
	input.key.algorithm == "RSA"
	input.key.bits < 3072
}

denials contains sprintf("the address %s is not in 10.0.0.0/16", [address]) if {
	some address in input.sans.ipAddresses
	not net.cidr_contains("10.0.0.0/16", address)
}

may_have if {
	input.request.signerName == client_signer
	joins
}

may_have if asks_for_itself

decision := {"decision": "skip"} if not is_kubelet

decision := {
	"decision": "deny",
	"reason": "PolicyDenied",
	"message": concat("; ", sort(denials)),
	"evidence": {"denials": sort(denials)},
} if {
	is_kubelet
	count(denials) > 0
}

decision := {"decision": "approve", "reason": "PolicyAllowed", "message": "the policy allows it"} if {
	is_kubelet
	count(denials) == 0
	may_have
}
