"""Scores of alpha mattes, of single images and of the frames of videos."""
