import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import {
  createPublication,
  filePublisher,
} from "../../../../services/certificate-authority/rotation/issuers/publication.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";

const directory = temporaryDirectory();

test("a file is replaced whole, has its mode, and is put back when somebody changed it", async () => {
  const path = join(directory, "new", "trust.crt");
  const publisher = filePublisher({ path, mode: 0o640 });
  await publisher.publish("one");
  const first = statSync(path);
  expect([readFileSync(path, "utf8"), first.mode & 0o777]).toEqual(["one", 0o640]);
  await publisher.publish("one");
  expect(statSync(path).ino).toBe(first.ino);
  chmodSync(path, 0o666);
  await publisher.publish("one");
  expect(statSync(path).mode & 0o777).toBe(0o640);
  await publisher.publish("two");
  expect(readFileSync(path, "utf8")).toBe("two");
  expect(readdirSync(join(directory, "new"))).toEqual(["trust.crt"]);
});

test("a place that fails keeps no other from being published, is told once, and made up for", async () => {
  const { lines, logger } = recordingLogger();
  const [bad, good] = [join(directory, "taken"), join(directory, "good.crt")];
  mkdirSync(bad);
  const publish = createPublication(
    [bad, good].map((path) => filePublisher({ path, mode: 0o644 })),
    logger,
  );
  expect(await publish("one")).toBe(1);
  expect(await publish("one")).toBe(1);
  expect(readFileSync(good, "utf8")).toBe("one");
  expect(lines.filter(({ level }) => level === "error")).toHaveLength(1);
  rmSync(bad, { recursive: true });
  expect(await publish("one")).toBe(0);
  expect(existsSync(bad)).toBe(true);
  expect(lines.at(-1)).toMatchObject({ msg: "the trust bundle is published again" });
});
