import { createLogger } from "../../shared/logging.ts";

/** What rooms would log while they are looked at; checks say it themselves. */
export const silentLogger = createLogger({ level: "silent" });
