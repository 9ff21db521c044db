import { expect, test } from "@jest/globals";
import { reach } from "../../../../services/certificate-authority/http/kubernetes-api/list-options.ts";

/** A store whose revision grows by one each time it is asked. */
function growing(from: number) {
  let revision = from;
  return { revision: () => revision++ };
}

test.each([
  { name: "none asked", wanted: undefined },
  { name: "any", wanted: 0 },
  { name: "the newest", wanted: 7 },
  { name: "one that arrives in a moment", wanted: 9 },
])("reach: $name", async ({ wanted }) => {
  await expect(reach(wanted, growing(7))).resolves.toBeUndefined();
});

test("reach: a revision that does not come is a Timeout that says so", async () => {
  await expect(reach(8, { revision: () => 7 })).rejects.toMatchObject({
    reason: "Timeout",
    details: { causes: [expect.objectContaining({ reason: "ResourceVersionTooLarge" })] },
  });
});
