import { hash } from "node:crypto";
import { expect, test } from "@jest/globals";
import { createKeyFilter } from "../../../services/certificate-authority/ledger/key-filter.ts";

const key = (number: number): string => hash("sha256", String(number), "hex");

test("what was added is held, and of what was not next to nothing", () => {
  const filter = createKeyFilter();
  const [added, others] = [Array.from({ length: 50_000 }, (_, at) => key(at)), 20_000];
  for (const one of added) filter.add(one);
  expect(added.every((one) => filter.mayHold(one))).toBe(true);
  const mistaken = Array.from({ length: others }, (_, at) => key(-1 - at)).filter((one) => filter.mayHold(one));
  expect(mistaken.length).toBeLessThan(5);
});

test("an empty filter holds nothing, and one key is not taken for another of the same beginning", () => {
  const filter = createKeyFilter();
  expect(filter.mayHold(key(1))).toBe(false);
  filter.add(key(1));
  expect(filter.mayHold(`${key(1).slice(0, 24)}${key(2).slice(24)}`)).toBe(false);
});
