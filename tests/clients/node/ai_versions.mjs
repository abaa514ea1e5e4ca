// The versions of the AI SDK: the newest of each major one, and the oldest that reads our chunks.

import * as oldest from "ai5-oldest";
import * as five from "ai5";
import * as six from "ai6";
import * as seven from "ai7";

export const VERSIONS = { "5.0.92": oldest, 5: five, 6: six, 7: seven };
