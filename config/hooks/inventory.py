#!/usr/bin/env python3
"""Approves nodes that stand in an inventory, a CSV file with the columns node, addresses and state:

    node,addresses,state
    worker-1,10.0.0.11 fd00::11,active
    worker-2,10.0.0.12,retired

A retired node is denied; one that is not listed is left to others. A serving certificate is asked for by the node itself,
for its own name and for addresses that stand in its line.

    script: { command: [inventory.py, /etc/gatehouse/inventory.csv] }
    script: { command: [inventory.py, --server, /etc/gatehouse/inventory.csv], mode: server }

The second form stays and answers a line for each line it reads. The file is read for every request. That a name is in the
inventory does not show that the machine which asks is the one: have kubelet-client approve as well.
"""

import csv
import ipaddress
import json
import sys

CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
SERVING = "kubernetes.io/kubelet-serving"


def read_line_of(node, path):
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["node"].strip() == node:
                return row
    return None


def decide(document, path):
    signer = document["request"]["signerName"]
    node = document["nodeName"]
    if signer not in (CLIENT, SERVING) or node == "":
        return {"decision": "skip"}
    row = read_line_of(node, path)
    if row is None:
        return {"decision": "noOpinion", "reason": "NotInInventory", "message": "the node is not in the inventory"}
    if row["state"].strip() != "active":
        return {"decision": "deny", "reason": "NotActive", "message": "the inventory says that the node is not active"}
    if signer == SERVING:
        objection = find_objection(document, node, row["addresses"])
        if objection is not None:
            return {"decision": "noOpinion", "reason": "NotShown", "message": objection}
    return {
        "decision": "approve",
        "reason": "InInventory",
        "message": "the node is in the inventory",
        "evidence": {"node": node, "addresses": row["addresses"].split()},
    }


def find_objection(document, node, addresses):
    if document["requester"]["username"] != "system:node:" + node:
        return "a serving certificate is for the node itself to ask for"
    sans = document["sans"]
    if sans["emailAddresses"] or sans["uris"]:
        return "the inventory knows neither email addresses nor URIs"
    if any(name != node for name in sans["dnsNames"]):
        return "a DNS name is not the node's"
    known = {ipaddress.ip_address(address) for address in addresses.split()}
    if any(ipaddress.ip_address(address) not in known for address in sans["ipAddresses"]):
        return "an address is not in the node's line of the inventory"
    return None


def answer(text, path):
    document = json.loads(text)
    # Needed of a program that stays: says which request the answer is for.
    return {**decide(document, path), "uid": document["request"]["uid"]}


def main():
    *options, path = sys.argv[1:]
    lines = sys.stdin if options == ["--server"] else [sys.stdin.read()]
    for line in lines:
        # An error ends the program with exit code 1, which is no answer: the request waits and is asked about again.
        print(json.dumps(answer(line, path)), flush=True)


main()
