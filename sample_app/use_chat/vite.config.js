import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The page asks the sample app, which `make demo` starts.
const proxy = { "/v1": process.env.SAMPLE_APP ?? "http://127.0.0.1:8090" };

export default defineConfig({ plugins: [react()], server: { proxy }, preview: { proxy } });
