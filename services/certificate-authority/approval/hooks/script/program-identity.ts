import { readFileSync } from "node:fs";
import { HookSetupError } from "../hook-setup-error.ts";
import type { ScriptSettings } from "../script-settings.ts";
import type { Program } from "./runner-messages.ts";

const NUMBER = /^\d{1,10}$/;

/** Where accounts are looked up; other files stand in for them in tests. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

const SYSTEM_FILES: AccountFiles = { passwd: "/etc/passwd", group: "/etc/group" };

/**
 * The numbers of whom a program is run as; undefined when that is nobody but ourselves. Names of directory services are
 * not looked up: their numbers do.
 *
 * @throws {HookSetupError} when the names mean nobody, or we are not root.
 */
export function identityOf(
  { user, group }: Pick<ScriptSettings, "user" | "group">,
  ourUid: number,
  files: AccountFiles = SYSTEM_FILES,
): Program["identity"] {
  if (user === undefined && group === undefined) return undefined;
  if (user === undefined) throw new HookSetupError("script.group needs script.user beside it");
  const account = NUMBER.test(user) ? lookUp(files.passwd, 2, user) : lookUp(files.passwd, 0, user);
  const uid = account?.[2] ?? (NUMBER.test(user) ? user : undefined);
  if (uid === undefined)
    throw new HookSetupError(
      `script.user: ${JSON.stringify(user)} is not in ${files.passwd}; name another, or its number`,
    );
  const gid = group === undefined ? account?.[3] : gidOf(group, files.group);
  if (gid === undefined)
    throw new HookSetupError(`script.user: ${user} is not in ${files.passwd}; say its group's number in script.group`);
  if (ourUid !== 0 && Number(uid) !== ourUid)
    throw new HookSetupError(
      `script.user: only root can run programs as another user, and we are ${ourUid}; start as root, or take the setting out`,
    );
  return ourUid === 0 ? { uid: Number(uid), gid: Number(gid) } : undefined;
}

function gidOf(group: string, file: string): string {
  if (NUMBER.test(group)) return group;
  const gid = lookUp(file, 0, group)?.[2];
  if (gid === undefined)
    throw new HookSetupError(`script.group: ${JSON.stringify(group)} is not in ${file}; name another, or its number`);
  return gid;
}

/** The line of passwd(5) or group(5) whose field is `value`. */
function lookUp(file: string, field: number, value: string): readonly string[] | undefined {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.map((line) => line.split(":")).find((fields) => fields[field] === value);
}
