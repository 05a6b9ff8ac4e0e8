"""The matrix of faults: eleven kinds in eight places, each cell the tests that hold it, or why it cannot occur.

``python tests/fault_matrix.py`` writes the tables of the book's page; ``tests/project/test_fault_matrix.py`` sees that
they are in step, and that every test named here is there.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "book" / "faults_table.md"

KINDS = {
    "K1": "Finished work is lost: cleared for a typing error, or by a second run",
    "K2": "State is judged by a marker, not by what lies there",
    "K3": "A relative path, or `~`, means different folders",
    "K4": "Paths with blanks and brackets, unquoted",
    "K5": "The user's names meet type inference and reserved words",
    "K6": "Useless or overlooked sounds",
    "K7": "Errors of the system and of decoding come through raw",
    "K8": "Child processes take the caller's environment, and outlive the caller",
    "K9": "Text and paths compared character by character",
    "K10": "Numbers as YAML 1.1 reads them",
    "K11": "The message names the wrong cause or remedy",
}
PLACES = (*("parameter", "bank", "table", "checkpoint", "run folder", "environment", "network", "Python interface"),)

# Modules of tests by the short names that the cells use.
MODULES = {
    "archives": "data/test_archives.py",
    "archive_faults": "data/test_archive_faults.py",
    "assets": "data/test_assets.py",
    "bank_faults": "data/test_bank_faults.py",
    "chapters": "workflow/test_chapter_checks.py",
    "checkpoints": "models/test_checkpoints.py",
    "checks": "workflow/test_checks.py",
    "children": "base/test_children.py",
    "cli": "workflow/test_cli.py",
    "cnn14": "models/test_cnn14.py",
    "commands": "workflow/test_command_faults.py",
    "config": "workflow/test_config.py",
    "cut_short": "data/test_cut_short.py",
    "desed": "data/test_desed.py",
    "faults": "project/test_fault_matrix.py",
    "fetch": "data/test_fetch_failures.py",
    "files": "base/test_files.py",
    "folder": "data/test_soundbank_folder.py",
    "fresh": "workflow/test_fresh_faults.py",
    "heads": "models/test_heads_training.py",
    "inputs": "models/test_inputs.py",
    "notebook": "workflow/test_notebook.py",
    "parallel": "base/test_parallel.py",
    "parameter_file": "workflow/test_parameter_file.py",
    "paths": "base/test_paths.py",
    "plugins": "base/test_plugins.py",
    "printing": "workflow/test_printing.py",
    "properties": "workflow/test_fault_properties.py",
    "races": "workflow/test_races.py",
    "recordings": "data/test_recordings_faults.py",
    "registry": "base/test_registry.py",
    "run_folder": "workflow/test_run_folder_faults.py",
    "scores": "metrics/test_scores.py",
    "set_up": "project/test_set_up.py",
    "shell": "project/test_shell_lines.py",
    "soundscapes": "data/test_soundscapes.py",
    "stages": "workflow/test_stages.py",
    "sweeps": "workflow/sweeps/test_driver.py",
    "stopped": "workflow/test_stopped_runs.py",
    "figures": "show/test_figures.py",
    "tables": "show/test_tables.py",
    "text": "base/test_text.py",
}

# Cell -> tests, as `module: name, name`; or a sentence that begins with "Cannot occur:".
CELLS: dict[tuple[str, str], str] = {
    ("K1", "parameter"): "checks: what_does_not_fit_together, a_gpu_that_is_not_there, "
    "a_precision_that_the_processor_does_not_know; plugins: an_unknown_name_is_refused_before_anything_runs; "
    "notebook: another_key_leaves_everything_as_it_is_and_going_back_costs_nothing; "
    "chapters: what_does_not_fit, a_gpu_that_is_not_there; "
    "sweeps: what_a_job_would_refuse_is_refused_before_any_and_by_a_dry_run, "
    "devices_are_looked_at_where_the_jobs_run",
    ("K1", "bank"): "checks: sounds_that_are_all_too_long, sounds_that_cannot_be_read, a_bank_of_one_class, "
    "a_folder_of_backgrounds_without_sounds; stages: a_bank_that_is_not_there; "
    "chapters: a_folder_of_something_else, what_is_whole_is_taken",
    ("K1", "table"): "checks: a_table_with_one_wrong_label; "
    "commands: options_of_training_are_checked_before_it, a_folder_in_the_place_of_the_model_is_told_first, "
    "what_somebody_else_made_is_not_written_over, what_a_command_made_it_may_write_again, "
    "where_the_figures_go_is_looked_at_first",
    ("K1", "checkpoint"): "paths: paths_are_looked_at_before_anything_runs; "
    "checks: weights_are_read_before_anything_runs",
    ("K1", "run folder"): "run_folder: a_run_says_so_before_anything_runs, a_lock_that_cannot_be_taken; "
    "stopped: runs_that_are_stopped_end_as_others_do; "
    "races: killed_at_every_write_the_next_one_ends_with_the_same_bytes, two_of_one_stage_follow_one_another, "
    "two_seeds_of_one_experiment_lose_nothing_of_one_another, a_second_run_of_an_experiment_waits_and_says_so; "
    "notebook: an_unfinished_run_goes_on_with_what_it_has, experiments_share_what_is_the_same; cli: pruning_asks_first",
    ("K1", "environment"): "printing: a_browser_is_looked_for_before_the_pages_are_made; "
    "checks: the_program_that_scaper_calls, only_what_is_yet_to_run_is_looked_at; "
    "paths: folders_that_cannot_be_written_to",
    ("K1", "network"): "assets: goes_on_where_a_server_died, a_disk_that_fills_up_keeps_what_it_has",
    (
        "K1",
        "Python interface",
    ): "notebook: unfinished_upstream_is_named_with_the_remedy, a_corrected_mistake_is_forgotten",
    ("K2", "parameter"): "stages: each_parameter_makes_its_stage_and_those_after_it_stale",
    ("K2", "bank"): "stages: a_folder_bank_outside_is_part_of_the_key; bank_faults: a_damaged_cache_is_made_again; "
    "folder: interrupted_preparation_goes_on; soundscapes: changed_sound_is_mixed_again; "
    "chapters: an_annotation_or_a_clip_of_the_same_size_is_part_of_the_key",
    ("K2", "table"): "stages: recordings_outside_are_part_of_the_key_of_their_stage; "
    "run_folder: a_table_of_results_is_written_again",
    ("K2", "checkpoint"): "stages: a_checkpoint_outside_is_part_of_the_key; "
    "heads: the_digest_of_a_head_is_that_of_what_it_holds",
    ("K2", "run folder"): "run_folder: a_stage_that_has_lost_something_is_not_finished, "
    "it_is_made_again_by_running_it_again, a_page_that_has_lost_something, "
    "an_upstream_stage_that_has_lost_something_is_named, a_copied_run_has_its_own_name, "
    "an_edited_text_whose_notebook_was_left_is_refused, a_notebook_that_was_edited_in_jupyter_is_run; "
    "notebook: a_marker_without_its_artefacts_is_not_believed; "
    "fresh: a_damaged_sweep_says_how_to_go_on",
    ("K2", "environment"): "stages: a_changed_module_stales_exactly_the_stages_that_reach_it",
    ("K2", "network"): "assets: wrong_content_in_the_folder, a_bad_partial_file_is_thrown_away; "
    "fresh: an_emptied_folder_is_not_taken_for_an_unpacked_archive",
    ("K2", "Python interface"): "scores: a_file_of_something_else_is_an_error; soundscapes: load_before_generate",
    (
        "K3",
        "parameter",
    ): "paths: variables_everywhere_alike, a_variable_that_is_not_set_is_named, "
    "in_a_file_from_its_folder_in_an_override_from_the_users, which_parameters_are_paths, "
    "what_can_be_no_path, an_absolute_path_stays_and_a_second_reading_changes_nothing",
    ("K3", "bank"): "paths: the_default_of_the_folder_file_works_where_there_is_such_a_bank; "
    "bank_faults: a_path_that_can_be_none",
    ("K3", "table"): "recordings: an_absolute_path_within_the_folder, what_is_no_folder",
    ("K3", "checkpoint"): "paths: the_home_folder_everywhere, weights_of_the_python_interface_know_the_home_folder",
    ("K3", "run folder"): "paths: a_folder_of_the_environment_is_resolved_once, a_working_folder_that_is_gone",
    (
        "K3",
        "environment",
    ): "paths: variables_in_options_and_folders, children_mean_the_same_folders, a_kernel_refuses_a_relative_folder; "
    "run_folder: a_project_is_resolved_once, a_project_that_is_none; "
    "children: a_search_path_means_the_same_folders_in_a_child; "
    "fresh: a_file_in_the_place_of_a_folder",
    ("K3", "network"): "Cannot occur: an address is no path of this machine, and the cache is that of the row above.",
    ("K3", "Python interface"): "paths: names_and_none_are_no_paths",
    ("K4", "parameter"): "shell: make_hands_on_a_parameter_file_with_blanks; set_up: make_passes_a_path_on_as_it_is",
    ("K4", "bank"): "shell: a_dry_run_names_the_whole_paths",
    ("K4", "table"): "Cannot occur: no shell sees the path of a table; it is read by Python alone.",
    ("K4", "checkpoint"): "Cannot occur: no shell sees the path of a checkpoint; it is read by Python alone.",
    ("K4", "run folder"): "shell: the_stages_are_called_with_whole_paths, papermill_takes_braces_as_they_are",
    ("K4", "environment"): "set_up: an_environment_is_made_wherever_the_checkout_lies; "
    "shell: nothing_else_builds_a_shell_line_from_names",
    ("K4", "network"): "faults: addresses_are_quoted",
    ("K4", "Python interface"): "Cannot occur: the Python interface starts no shell.",
    ("K5", "parameter"): "config: experiment_names_a_folder; parameter_file: a_run_reads_back_what_it_wrote; "
    "fresh: the_name_of_a_sweeps_folder_is_no_experiments",
    ("K5", "bank"): "bank_faults: names_are_text_from_the_folder_to_the_tables, numbers_as_classes_alone, "
    "backgrounds_called_as_a_built_in_level, look_alikes_keep_their_own_names; "
    "paths: a_dollar_in_a_name_is_a_character; "
    "checks: classes_of_a_bank_are_checked_when_it_is_looked_at; "
    "fresh: names_of_the_averages",
    ("K5", "table"): "recordings: names_of_classes_are_text; files: names_in_a_table_stay_text, "
    "every_column_of_names_is_text, a_level_is_text_beside_its_condition_and_decibels_elsewhere; "
    "commands: recordings_of_one_name_stay_apart, a_recording_called_as_a_table_of_ours, "
    "a_name_that_is_no_utf8_in_every_output",
    ("K5", "checkpoint"): "heads: names_that_look_like_something_else_are_names, classes_that_no_table_can_hold",
    ("K5", "run folder"): "files: any_names_and_numbers_come_back, every_table_is_read_by_the_one_reader",
    ("K5", "environment"): "Cannot occur: variables hold folders and addresses, no names of classes.",
    ("K5", "network"): "Cannot occur: what is fetched has the names that this package gives it.",
    ("K5", "Python interface"): "figures: no_figure_takes_the_name_of_a_class_as_tex, "
    "names_are_shown_character_by_character; tables: a_cell_cannot_break_the_page",
    ("K6", "parameter"): "Cannot occur: a parameter names a folder and holds no sound.",
    ("K6", "bank"): "bank_faults: a_useless_sound_is_left_out_and_listed, an_unusual_sound_is_used, "
    "an_offset_is_taken_away_and_does_not_change_the_ratio, all_formats_and_sub_folders_are_used, "
    "what_is_no_sound_of_a_class_is_listed, any_layout_is_accounted_for; "
    "cut_short: a_bank_lists_it, a_file_that_broke_off_is_named; desed: what_is_not_used_is_listed; "
    "fresh: a_rate_that_holds_nothing_audible_and_channels_beyond_a_float",
    ("K6", "table"): "recordings: a_bad_recording_is_named, silence_is_a_recording_without_events, "
    "nothing_is_dropped_silently; cut_short: a_recording_is_refused_by_name; "
    "commands: useless_clips_are_named, what_is_not_used_is_told, "
    "recordings_in_which_nothing_could_be_found_are_named, scores_are_found_or_told",
    ("K6", "checkpoint"): "Cannot occur: a checkpoint holds no sound.",
    ("K6", "run folder"): "soundscapes: nothing_is_clipped, what_scaper_changes_is_an_error",
    ("K6", "environment"): "soundscapes: without_sox",
    (
        "K6",
        "network",
    ): "desed: the_published_bank_is_fetched_once; archive_faults: what_macos_and_servers_add_is_left_out",
    ("K6", "Python interface"): "bank_faults: any_samples_are_a_sound_or_have_a_fault; inputs: silence_is_no_fault",
    ("K7", "parameter"): "parameter_file: files_that_are_no_parameter_files, encodings_that_say_what_they_are, "
    "places_where_there_is_no_parameter_file, a_file_that_may_not_be_read, numbers_of_any_length_from_python; "
    "properties: any_bytes_as_a_parameter_file",
    ("K7", "bank"): "bank_faults: damaged_files_are_listed_each, long_names, a_name_that_is_no_utf8_is_used, "
    "closed_folder_and_file, a_folder_that_cannot_be_read_is_named, a_cache_that_cannot_be_written_is_named; "
    "properties: any_bank_is_accounted_for, any_bytes_as_a_sound; "
    "chapters: a_link_that_leads_nowhere_is_no_traceback, an_unreadable_clip_is_listed",
    ("K7", "table"): "recordings: a_table_in_any_dress, latin_1_is_named, any_table_is_read_whole_or_refused; "
    "text: other_text_is_named_with_its_line, what_is_no_file_is_named, any_bytes_are_read_or_refused_in_a_sentence; "
    "properties: any_bytes_as_a_table; "
    "chapters: what_is_damaged_is_named, a_table_with_a_mark_of_byte_order_or_of_utf_16_is_read; "
    "commands: bad_scores_are_named",
    ("K7", "checkpoint"): "checkpoints: a_file_of_another_kind_is_called_what_it_is, places_where_there_is_no_file; "
    "heads: a_head_that_is_another_file; properties: any_bytes_as_weights, a_damaged_file_of_weights; "
    "commands: a_damaged_model_is_named, a_file_of_something_else_is_no_model",
    ("K7", "run folder"): "run_folder: what_is_in_the_way_is_named, an_error_of_the_system_is_one_sentence, "
    "a_file_system_without_links, the_list_of_the_store_names_a_damaged_record; files: full_disk_is_explained, "
    "every_writer_meets_a_full_disk, a_folder_that_cannot_be_written_to, a_file_in_the_place_of_a_folder, "
    "names_as_long_as_a_file_system_allows; heads: full_disk_while_a_head_is_saved",
    ("K7", "environment"): "paths: a_read_only_file_system; children: folders_that_cannot_be_made, "
    "a_program_that_is_not_there; set_up: an_error_of_the_system_is_one_sentence_with_file_and_remedy; "
    "fresh: an_installed_package_that_raises_on_import_is_told_by_every_command; "
    "printing: a_browser_that_fails_is_named",
    ("K7", "network"): "fetch: a_failure_is_explained_and_the_cache_stays_usable; "
    "archive_faults: a_name_that_is_too_long, a_damaged_note_is_named, a_cache_in_which_no_note_can_be_kept; "
    "archives: a_full_disk_leaves_nothing_and_works_later, a_damaged_archive_leaves_nothing",
    ("K7", "Python interface"): "files: other_errors_of_the_system_come_through, names_that_are_no_text_are_explained; "
    "registry: a_package_that_raises_on_import_is_named_with_the_remedy, "
    "so_is_one_whose_code_raises_when_it_is_first_used",
    ("K8", "parameter"): "Cannot occur: no parameter starts a program.",
    ("K8", "bank"): "parallel: killed_worker_is_named, who_is_stopped_does_not_wait_for_its_workers",
    ("K8", "table"): "Cannot occur: tables are read in this process.",
    ("K8", "checkpoint"): "cnn14: a_checkpoint_that_would_run_code_is_refused",
    ("K8", "run folder"): "stopped: runs_that_are_stopped_end_as_others_do; "
    "run_folder: temporary_files_of_a_killed_process_are_swept_away; "
    "races: a_run_sweeps_up_in_its_folder_what_nobody_writes_any_more",
    ("K8", "environment"): "children: a_variable_of_the_caller_for_programs_that_we_start, what_a_machine_needs_stays, "
    "the_kernel_is_ours, no_module_of_the_working_folder_is_imported, "
    "as_a_module_beside_files_named_as_python_s_own, a_child_ends_with_its_parent, "
    "a_child_whose_parent_has_ended_already, what_a_program_leaves_behind_ends_with_it, "
    "a_signal_is_told_by_its_number, a_signal_that_the_caller_ignores_is_ignored, "
    "the_commit_is_that_of_the_project_in_a_hook_of_another; "
    "set_up: a_module_in_the_working_folder_is_not_imported",
    ("K8", "network"): "children: what_a_machine_needs_stays",
    ("K8", "Python interface"): "cli: stopping_is_explained",
    ("K9", "parameter"): "faults: names_in_a_list_may_have_blanks_around_them; plugins: names_in_a_parameter",
    ("K9", "bank"): "bank_faults: forms_of_unicode_are_one_class; folder: same_name_twice; "
    "faults: a_suffix_in_capitals_is_a_suffix",
    ("K9", "table"): "recordings: the_one_table, one_file_however_the_table_spells_it, forms_of_unicode, "
    "two_files_that_one_name_means; text: header_in_quotes_capitals_and_any_order, "
    "lines_that_are_empty_before_the_header, names_have_one_spelling, cells; "
    "commands: names_in_tables_and_in_the_folder_mean_one_file, one_recording_is_searched_once_however_it_is_spelled; "
    "fresh: rows_that_stand_twice_are_one_event, a_quoted_column_of_sources_is_read, "
    "a_file_is_one_clip_however_the_table_or_a_link_calls_it, labels_in_another_programs_list_are_no_class",
    ("K9", "checkpoint"): "checkpoints: every_encoder_takes_both_formats",
    ("K9", "run folder"): "paths: a_folder_of_the_environment_is_resolved_once",
    ("K9", "environment"): "faults: a_folder_behind_a_link_is_the_same_folder",
    ("K9", "network"): "archive_faults: the_validation_list_in_any_dress, the_list_of_sins_in_another_dress",
    ("K9", "Python interface"): "inputs: other_forms_of_the_same_classes_give_the_same",
    ("K10", "parameter"): "parameter_file: a_value_is_what_a_person_reads, an_override_is_read_as_the_file_is, "
    "what_nobody_would_read_so_is_refused, overrides_refuse_the_same, values_come_back_as_yaml_writes_them; "
    "config: scientific_notation_is_a_number; "
    "fresh: a_key_that_stands_twice_in_json",
    ("K10", "bank"): "Cannot occur: a bank holds no YAML.",
    ("K10", "table"): "recordings: a_bad_row_is_named",
    ("K10", "checkpoint"): "Cannot occur: a checkpoint holds no YAML.",
    ("K10", "run folder"): "parameter_file: a_run_reads_back_what_it_wrote",
    ("K10", "environment"): "parallel: a_number_of_cores_in_the_environment_that_is_none",
    ("K10", "network"): "archive_faults: a_record_that_tells_no_size",
    ("K10", "Python interface"): "config: ill_typed",
    ("K11", "parameter"): "config: bad_overrides, unknown_parameter_in_a_file, bounds, rules_between_parameters; "
    "cli: errors_are_one_message_and_exit_code_1, head_leaves_no_traceback, an_error_whose_reader_has_gone; "
    "fresh: the_override_is_named_and_not_the_file_alone, an_address_is_no_path, "
    "a_parameter_in_capitals_is_known_by_its_letters; "
    "commands: options_of_a_benchmark_are_checked_first, a_sweep_file_is_told_from_parameters, "
    "what_can_be_no_path_is_said_by_every_command",
    ("K11", "bank"): "folder: bad_files_are_named_once, class_left_empty_by_bad_files, incomplete_banks; "
    "bank_faults: two_layouts_in_one_folder_are_refused",
    ("K11", "table"): "recordings: a_bad_row_is_named, a_bad_recording_is_named; "
    "commands: tables_that_would_give_wrong_figures, times_beyond_the_recording, lengths_that_are_none, "
    "a_file_for_a_folder_and_a_folder_for_a_file_are_called_so, "
    "a_table_without_events_is_compared_without_a_warning_of_pandas",
    ("K11", "checkpoint"): "checkpoints: features_must_fit_and_the_message_is_short, "
    "a_copy_tuned_to_other_classes_gives_the_same_features, weights_that_are_no_numbers_are_named, "
    "tensors_without_plain_values_are_named, numbers_of_eight_bits_are_numbers, a_negative_variance_is_named, "
    "every_encoder_takes_every_wrapping, two_copies_of_the_network, checkpoints_without_a_state_dict; "
    "cnn14: another_window_is_refused; heads: missing_head_names_the_notebook",
    ("K11", "run folder"): "notebook: a_failing_cell_is_told_without_a_traceback_if_it_was_explained; "
    "run_folder: another_error_keeps_its_traceback; files: what_the_block_reads_is_not_blamed_on_the_file",
    ("K11", "environment"): "set_up: where_nothing_helps_one_command_is_said, why_no_environment_can_be_made_is_told",
    ("K11", "network"): "assets: a_failed_download_says_what_to_do, too_little_space_is_seen_before; "
    "archive_faults: an_archive_with_a_password, a_validation_list_that_is_none_is_named",
    ("K11", "Python interface"): "inputs: engines_refuse_waveforms, methods_refuse_waveforms, engines_refuse_classes, "
    "methods_refuse_classes, classifiers_encoders_and_front_ends_refuse_waveforms, "
    "a_head_for_another_encoder_is_refused; heads: a_training_that_diverges_is_explained; "
    "commands: a_module_that_fails_when_it_is_asked, "
    "a_model_that_cannot_be_asked_says_why, a_recording_that_cannot_be_explained, "
    "labels_that_are_a_text_are_refused",
}
_NEVER = "Cannot occur: "


def tests_of(cell: str) -> list[tuple[str, str]]:
    """(File, function) of the tests that a cell names; none where it says why it cannot occur."""
    if cell.startswith(_NEVER):
        return []
    parts = (part.split(": ", 1) for part in cell.split("; "))
    return [(MODULES[module], f"test_{name.strip()}") for module, names in parts for name in names.split(",")]


def table() -> str:
    """The page's tables: one for each kind, a row for each place."""
    lines = []
    for kind, title in KINDS.items():
        lines += [f"### {kind}. {title}", "", "| place | what is tried |", "| --- | --- |"]
        for place in PLACES:
            cell = CELLS[kind, place]
            words = "; ".join(name.removeprefix("test_").replace("_", " ") for _, name in tests_of(cell)) or cell
            lines.append(f"| {place} | {words[0].upper()}{words[1:].rstrip('.')} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(table(), encoding="utf-8")
