import { expect, test } from "@jest/globals";
import {
  nameOf,
  requireNodeName,
  templateProblem,
} from "../../../services/certificate-authority/attestation/node-name.ts";

const FIELDS = { instance_name: "Web-1", dns_san: "w-1.nodes.example", empty: "", zone: "eu_west", kelvin: "\u212A-1" };

test.each([
  ["{instance_name}", "web-1"],
  ["{dns_san - .nodes.example}", "w-1"],
  ["{dns_san}", "w-1.nodes.example"],
  ["k-{instance_name}.prod", "k-web-1.prod"],
])("%s makes %s", (template, name) => {
  expect(templateProblem(template)).toBeUndefined();
  expect(nameOf(template, FIELDS)).toBe(name);
});

test.each([
  ["{missing}", /shows no missing/],
  ["{empty}", /shows no empty/],
  ["{constructor}", /shows no constructor/],
  ["{dns_san - .other.example}", /does not end in/],
  ["{dns_san - w-1.nodes.example}", /does not end in/],
  ["{zone}", /no node's name/],
  ["{kelvin}", /not made of printable ASCII/],
])("%s makes nothing", (template, message) => {
  expect(() => nameOf(template, FIELDS)).toThrow(message);
});

test.each(["node", "{Field}", "{a}{b", "{a} x", "UPPER-{a}", ""])("%j is no template", (template) => {
  expect(templateProblem(template)).toBeDefined();
});

test.each(["", "a..b", "-a", "a-", "A", "a_b", `${"a".repeat(64)}`, "a b", "a\n"])("%j is no node's name", (name) => {
  expect(() => requireNodeName(name)).toThrow(/no node's name/);
});
